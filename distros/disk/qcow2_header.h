// The header of a qcow2 image (QEMU's docs/interop/qcow2).
#ifndef WSLM_DISTROS_DISK_QCOW2_HEADER_H_
#define WSLM_DISTROS_DISK_QCOW2_HEADER_H_

#include "absl/status/statusor.h"
#include "distros/disk/disk_format.h"
#include "distros/disk/header_reader.h"

namespace wslm::disk {

inline constexpr std::string_view kQcowMagic = "QFI\xFB";

// Of a file that begins with kQcowMagic.
absl::StatusOr<DiskFacts> ReadQcow2Header(const HeaderReader& file);

}  // namespace wslm::disk

#endif  // WSLM_DISTROS_DISK_QCOW2_HEADER_H_
