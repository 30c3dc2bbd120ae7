// An image being filled: what all its writers share.
#ifndef WSLM_DISTROS_EXT4_VOLUME_H_
#define WSLM_DISTROS_EXT4_VOLUME_H_

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "distros/ext4/block_allocator.h"
#include "distros/ext4/block_writer.h"
#include "distros/ext4/filesystem.h"
#include "distros/ext4/inode_table.h"

namespace wslm::ext4 {

// Not thread-safe. Gone without Close(), the image is half made.
class Volume {
 public:
  // `image` was made by Format.
  static absl::StatusOr<std::unique_ptr<Volume>> Open(const std::string& image);

  Volume(const Volume&) = delete;
  Volume& operator=(const Volume&) = delete;

  const Filesystem& filesystem() const { return filesystem_; }
  BlockWriter& writer() { return writer_; }
  BlockAllocator& allocator() { return allocator_; }
  InodeTable& inodes() { return inodes_; }

  absl::Status WriteBlock(uint64_t block, std::string_view bytes);
  // Gives the blocks back to the image and to the host.
  absl::Status FreeBlocks(BlockRun run);

  // Writes what is held back, and makes the image durable. No call after it.
  absl::Status Close();

 private:
  explicit Volume(Filesystem filesystem);

  Filesystem filesystem_;
  BlockWriter writer_;
  BlockAllocator allocator_;
  InodeTable inodes_;
};

}  // namespace wslm::ext4

#endif  // WSLM_DISTROS_EXT4_VOLUME_H_
