// The headers and the metadata of a VHDX (Microsoft's specification [MS-VHDX]).
#ifndef WSLM_DISTROS_DISK_VHDX_HEADER_H_
#define WSLM_DISTROS_DISK_VHDX_HEADER_H_

#include <string_view>

#include "absl/status/statusor.h"
#include "distros/disk/disk_format.h"
#include "distros/disk/header_reader.h"

namespace wslm::disk {

inline constexpr std::string_view kVhdxMagic = "vhdxfile";

// Of a file that begins with kVhdxMagic.
absl::StatusOr<DiskFacts> ReadVhdxHeader(const HeaderReader& file);

}  // namespace wslm::disk

#endif  // WSLM_DISTROS_DISK_VHDX_HEADER_H_
