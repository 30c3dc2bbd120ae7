// A directory's content: its blocks as ext4 wants them, checksums included.
#ifndef WSLM_DISTROS_EXT4_DIRECTORY_BLOCKS_H_
#define WSLM_DISTROS_EXT4_DIRECTORY_BLOCKS_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "distros/ext4/filesystem.h"

namespace wslm::ext4 {

// A name in a directory; `type` is EXT2_FT_….
struct DirectoryEntry {
  std::string_view name;
  uint32_t inode = 0;
  uint8_t type = 0;
};

// Appends entries to a block of a directory, leaving room for the checksum at its end.
class DirectoryBlock {
 public:
  // `block` is kBlockSize zero bytes, which must outlive this.
  explicit DirectoryBlock(char* block) : block_(block) {}

  static uint32_t SizeOf(std::string_view name);
  static uint32_t Capacity();
  uint32_t used() const { return used_; }
  // False when it has no room.
  bool Add(const DirectoryEntry& entry);
  // Stretches the last entry to the end and sets the checksum. No Add after it.
  void Finish(const Filesystem& filesystem, uint32_t directory);

 private:
  char* block_;
  uint32_t used_ = 0;
  uint32_t last_ = 0;
};

struct DirectoryContent {
  // Whole blocks.
  std::string bytes;
  // Names are found by their hash, in a tree (the inode's flag).
  bool indexed = false;
};

// A directory whose names fit in one block is a plain list, a larger one has an index. At least `minimum_blocks` of
// list: the rest is empty. Error: DISK_FULL when there are more names than an index of two levels holds (some ten
// millions).
absl::StatusOr<DirectoryContent> BuildDirectory(const Filesystem& filesystem, uint32_t directory, uint32_t parent,
                                                std::vector<DirectoryEntry> entries, uint32_t minimum_blocks);

}  // namespace wslm::ext4

#endif  // WSLM_DISTROS_EXT4_DIRECTORY_BLOCKS_H_
