// Reads one file's content from an image in large pieces, without its holes.
#ifndef WSLM_DISTROS_EXT4_CONTENT_READER_H_
#define WSLM_DISTROS_EXT4_CONTENT_READER_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "distros/ext4/extent_tree.h"
#include "distros/ext4/filesystem.h"
#include "distros/ext4/inode_reader.h"
#include "distros/tree/source.h"

namespace wslm::ext4 {

// Use one for any number of files: its buffer of 256 KiB is kept. Not thread-safe.
class ContentReader {
 public:
  // `filesystem` must outlive it.
  explicit ContentReader(const Filesystem* filesystem) : filesystem_(filesystem) {}

  // Takes up a regular file, or a symlink whose target is in blocks.
  absl::Status Open(Inode inode);
  // What of the open file's size is data; nullopt: all of it. Before the first Next only.
  absl::StatusOr<std::optional<std::vector<DataExtent>>> Extents();
  // Forgets it; Next then has nothing.
  void Close();
  // The next piece, ascending; nullopt at the end.
  absl::StatusOr<std::optional<DataBlock>> Next();

 private:
  struct FreeExtents {
    void operator()(ext2_extent_handle_t handle) const { ext2fs_extent_free(handle); }
  };
  using ExtentHandle = std::unique_ptr<std::remove_pointer_t<ext2_extent_handle_t>, FreeExtents>;

  absl::Status ListBlocks();
  // The next extent with content, by whichever way the inode has; nullopt after the last.
  absl::StatusOr<std::optional<Extent>> NextExtent();
  absl::StatusOr<std::optional<Extent>> NextOfTree();
  absl::Status TakeExtent(const Extent& extent);

  const Filesystem* filesystem_;
  std::optional<Inode> inode_;
  // One of three ways to keep content: a tree of extents, the lists of blocks of ext2 and ext3, the inode itself.
  ExtentHandle tree_;
  bool tree_begun_ = false;
  uint64_t tree_blocks_ = 0;
  std::vector<Extent> listed_;
  size_t next_listed_ = 0;
  std::string inline_data_;

  // What is left of the present extent: bytes of the file from `offset_` on, in the image from `place_` on.
  uint64_t offset_ = 0;
  uint64_t place_ = 0;
  uint64_t left_ = 0;
  // Where the last extent ended: the next may not begin before.
  uint64_t ascended_to_ = 0;
  std::vector<char> buffer_;
};

}  // namespace wslm::ext4

#endif  // WSLM_DISTROS_EXT4_CONTENT_READER_H_
