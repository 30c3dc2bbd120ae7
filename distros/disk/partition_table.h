// The partitions of a disk: GPT (the UEFI specification, chapter 5) and the PC's old table with logical partitions.
#ifndef WSLM_DISTROS_DISK_PARTITION_TABLE_H_
#define WSLM_DISTROS_DISK_PARTITION_TABLE_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "distros/disk/header_reader.h"

namespace wslm::disk {

struct Partition {
  // As Linux numbers them.
  int number = 0;
  // Bytes.
  int64_t offset = 0;
  int64_t length = 0;
  // Of GPT; bytes as somebody wrote them, those beyond ASCII as '?'.
  std::string name;
};

// Where the head of a disk has a GPT: its sectors' size, 512 or 4096; 0 when it has none.
uint32_t GptSectorSize(std::string_view head);
// Whether the head of a disk, which is no file system, ends its first sector as an old table does.
bool HasMbr(std::string_view head);

// Those that lie in the disk, by number. Errors: CORRUPT_SOURCE, IO_ERROR.
absl::StatusOr<std::vector<Partition>> ReadGpt(const HeaderReader& disk, uint32_t sector_size);
absl::StatusOr<std::vector<Partition>> ReadMbr(const HeaderReader& disk);

}  // namespace wslm::disk

#endif  // WSLM_DISTROS_DISK_PARTITION_TABLE_H_
