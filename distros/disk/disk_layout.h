// Where in a disk's content the ext4 file system lies: it is the whole disk, or one of its partitions.
#ifndef WSLM_DISTROS_DISK_DISK_LAYOUT_H_
#define WSLM_DISTROS_DISK_DISK_LAYOUT_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "distros/disk/header_reader.h"

namespace wslm::disk {

struct Ext4Place {
  // Bytes in the disk's content. `offset` is 0 when there is no partition table.
  int64_t offset = 0;
  int64_t length = 0;
  bool in_partition = false;
  // Its journal holds what is not in its place yet.
  bool needs_replay = false;
  // It was not unmounted, or its kernel found errors in it.
  bool needs_check = false;
};

// So much of a disk's beginning is enough for CheckDiskHead.
inline constexpr int64_t kDiskHead = 128 << 10;

// OK when `disk`, of which only the beginning may be there, is an ext4 file system or has partitions.
// Error: UNSUPPORTED_FORMAT with what it is instead.
absl::Status CheckDiskHead(const HeaderReader& disk);

// `disk` reads the content as a guest sees it. A disk with partitions (GPT, MBR with logical ones) must have exactly
// one with ext4 (or ext2, ext3). Errors: UNSUPPORTED_FORMAT with what there is instead, CORRUPT_SOURCE (a partition
// table that can't be), IO_ERROR.
absl::StatusOr<Ext4Place> FindExt4(const HeaderReader& disk);

}  // namespace wslm::disk

#endif  // WSLM_DISTROS_DISK_DISK_LAYOUT_H_
