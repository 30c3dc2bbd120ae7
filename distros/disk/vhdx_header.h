// The headers and the metadata of a VHDX (Microsoft's specification [MS-VHDX]).
#ifndef WSLM_DISTROS_DISK_VHDX_HEADER_H_
#define WSLM_DISTROS_DISK_VHDX_HEADER_H_

#include <cstdint>
#include <string_view>

#include "absl/status/statusor.h"
#include "distros/disk/disk_format.h"
#include "distros/disk/header_reader.h"

namespace wslm::disk {

inline constexpr std::string_view kVhdxMagic = "vhdxfile";

// Of a file that begins with kVhdxMagic.
absl::StatusOr<DiskFacts> ReadVhdxHeader(const HeaderReader& file);

// Where the blocks of the content are looked up.
struct VhdxTable {
  // Of the table, in the file; bytes.
  uint64_t offset = 0;
  uint64_t length = 0;
  uint64_t block_size = 0;
  // Behind so many blocks the table has an entry of another kind.
  uint64_t chunk_ratio = 0;
};
absl::StatusOr<VhdxTable> ReadVhdxTable(const HeaderReader& file);

}  // namespace wslm::disk

#endif  // WSLM_DISTROS_DISK_VHDX_HEADER_H_
