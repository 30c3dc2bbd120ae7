// Gives out inodes and keeps their records in an image, a few at a time in memory.
#ifndef WSLM_DISTROS_EXT4_INODE_TABLE_H_
#define WSLM_DISTROS_EXT4_INODE_TABLE_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "distros/ext4/filesystem.h"
#include "distros/ext4/inode_record.h"

namespace wslm::ext4 {

inline constexpr uint32_t kRootInode = EXT2_ROOT_INO;
// mke2fs gives the first free inode to /lost+found.
inline constexpr uint32_t kLostAndFoundInode = EXT2_GOOD_OLD_FIRST_INO;

// Errors: DISK_FULL, IO_ERROR. Not thread-safe.
class InodeTable {
 public:
  // `filesystem` must be freshly made and outlive the table.
  explicit InodeTable(Filesystem* filesystem) : filesystem_(filesystem) {}

  absl::StatusOr<uint32_t> Allocate(bool directory);
  absl::Status Free(uint32_t inode, bool directory);

  absl::StatusOr<InodeRecord> Load(uint32_t inode);
  // Sets the record's checksum.
  absl::Status Store(uint32_t inode, InodeRecord record);
  absl::Status Flush();

 private:
  // The record's place in the window, which is moved there if need be.
  absl::StatusOr<InodeRecord*> Place(uint32_t inode);

  Filesystem* filesystem_;
  uint32_t next_ = kLostAndFoundInode + 1;
  std::vector<uint32_t> freed_;
  // Neighbouring records of one group, the first of them that of inode `window_first_`.
  std::vector<InodeRecord> window_;
  uint32_t window_first_ = 0;
  bool dirty_ = false;
};

}  // namespace wslm::ext4

#endif  // WSLM_DISTROS_EXT4_INODE_TABLE_H_
