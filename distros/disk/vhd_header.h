// The footer of a VHD (Microsoft's "Virtual Hard Disk Image Format Specification", 2006), which dynamic disks have at
// their beginning, too.
#ifndef WSLM_DISTROS_DISK_VHD_HEADER_H_
#define WSLM_DISTROS_DISK_VHD_HEADER_H_

#include <cstdint>
#include <optional>
#include <string_view>

#include "absl/status/statusor.h"
#include "distros/disk/disk_format.h"
#include "distros/disk/header_reader.h"

namespace wslm::disk {

inline constexpr std::string_view kVhdCookie = "conectix";
inline constexpr int64_t kVhdFooterSize = 512;

// Of a file that begins with kVhdCookie: a dynamic disk, or one that is refused.
absl::StatusOr<DiskFacts> ReadVhdHeader(const HeaderReader& file);

// Of a file that doesn't: a fixed disk, when its last 512 bytes are a footer that is right in all it says. What is not,
// is content that looks like one: a guest may write into its last sector what it likes.
absl::StatusOr<std::optional<DiskFacts>> ReadVhdFooter(const HeaderReader& file);

// Where the blocks of a dynamic disk's content are looked up.
struct VhdTable {
  // Of the table, in the file; bytes.
  uint64_t offset = 0;
  uint64_t entries = 0;
  uint64_t block_size = 0;
  // Bytes of the map before each block.
  uint64_t map_size = 0;
};
absl::StatusOr<VhdTable> ReadVhdTable(const HeaderReader& file);

}  // namespace wslm::disk

#endif  // WSLM_DISTROS_DISK_VHD_HEADER_H_
