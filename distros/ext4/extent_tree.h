// Where a file's content lies: ext4's extents, in the inode while there are at most four, else in a tree of blocks.
#ifndef WSLM_DISTROS_EXT4_EXTENT_TREE_H_
#define WSLM_DISTROS_EXT4_EXTENT_TREE_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "distros/ext4/inode_record.h"
#include "distros/ext4/volume.h"

namespace wslm::ext4 {

// `count` blocks of the file from block `logical` on lie in the image from block `physical` on.
struct Extent {
  uint32_t logical = 0;
  uint32_t count = 0;
  uint64_t physical = 0;
};

// The most blocks that one extent holds.
inline constexpr uint32_t kExtentLimit = 32768;

// Adds `extent`, which follows all others, to the last one where it can.
void AppendExtent(std::vector<Extent>& extents, const Extent& extent);

// Enters ascending extents in `record`, adds their blocks and those of the tree to its count, and writes the tree.
absl::Status StoreExtents(Volume& volume, uint32_t inode, const std::vector<Extent>& extents, InodeRecord& record);

// Frees all blocks of content and tree; `record` is left without. Nothing happens to a record without extents.
absl::Status FreeExtents(Volume& volume, uint32_t inode, InodeRecord& record);

}  // namespace wslm::ext4

#endif  // WSLM_DISTROS_EXT4_EXTENT_TREE_H_
