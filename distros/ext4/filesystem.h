// libext2fs' handle of an image, as an object that frees itself, and its errors as statuses.
#ifndef WSLM_DISTROS_EXT4_FILESYSTEM_H_
#define WSLM_DISTROS_EXT4_FILESYSTEM_H_

#include <ext2fs/ext2fs.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "distros/host/unique_fd.h"

namespace wslm::ext4 {

// An error of libext2fs. `doing` is as for ErrnoError ("cannot read a directory of"). What the library finds wrong with
// the image is CORRUPT_SOURCE, what it doesn't know UNSUPPORTED_FORMAT, errors of the system DISK_FULL or IO_ERROR.
absl::Status LibraryError(errcode_t error, std::string_view doing, const std::string& image);

// Movable. Not thread-safe. Gone without Close(), nothing of what libext2fs holds in memory is written.
class Filesystem {
 public:
  enum class Access { kRead, kWrite };

  // For writing the bitmaps are loaded too.
  static absl::StatusOr<Filesystem> Open(const std::string& image, Access access);

  ext2_filsys get() const { return handle_.get(); }
  ext2_filsys operator->() const { return handle_.get(); }
  // The image itself, for what goes past libext2fs. libext2fs caches no block, so both see what the other wrote.
  int fd() const { return fd_.get(); }
  const std::string& image() const { return image_; }
  uint32_t block_size() const { return handle_->blocksize; }
  uint64_t block_count() const { return ext2fs_blocks_count(handle_->super); }

  // Writes superblock, group descriptors and bitmaps, then makes the whole image durable.
  absl::Status Close();

  // The checksum that metadata_csum wants of a block belonging to inode `inode` (generation 0), over `bytes`.
  uint32_t Checksum(uint32_t inode, std::string_view bytes) const;

 private:
  struct Free {
    void operator()(ext2_filsys handle) const { ext2fs_free(handle); }
  };

  std::unique_ptr<struct_ext2_filsys, Free> handle_;
  UniqueFd fd_;
  std::string image_;
};

// Goes on with a checksum begun by Filesystem::Checksum.
uint32_t ContinueChecksum(uint32_t checksum, std::string_view bytes);

}  // namespace wslm::ext4

#endif  // WSLM_DISTROS_EXT4_FILESYSTEM_H_
