#include "distros/ext4/filesystem.h"

#include <et/com_err.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "distros/host/error.h"
#include "distros/host/failpoint.h"
#include "distros/host/status_macros.h"

namespace wslm::ext4 {

// libext2fs swaps bytes for us only in what goes through it; our own structures are written as they lie in memory.
static_assert(std::endian::native == std::endian::little);

namespace {

const char* TextOf(errcode_t error) {
  static const bool registered = [] {
    initialize_ext2_error_table();
    return true;
  }();
  (void)registered;
  return error_message(error);
}

// com_err's tables begin far above the system's error numbers.
bool IsErrno(errcode_t error) { return error > 0 && error < 256; }

}  // namespace

absl::Status LibraryError(errcode_t error, std::string_view doing, const std::string& image) {
  if (IsErrno(error)) return ErrnoError(doing, image, static_cast<int>(error));
  // libext2fs tells a write that was cut short, which on a file means a full disk, from one that failed.
  if (error == EXT2_ET_SHORT_WRITE) return ErrnoError(doing, image, ENOSPC);
  const std::string message = absl::StrCat(std::string(doing), " ", Escaped(image), ": ", TextOf(error), ".");
  switch (error) {
    case EXT2_ET_NO_MEMORY:
      return Error(absl::StatusCode::kResourceExhausted, reason::kInternal, message);
    case EXT2_ET_BAD_MAGIC:
      return Error(absl::StatusCode::kInvalidArgument, reason::kUnsupportedFormat,
                   absl::StrCat(Escaped(image), " has no ext4 file system."), {{"path", image}});
    case EXT2_ET_UNSUPP_FEATURE:
    case EXT2_ET_RO_UNSUPP_FEATURE:
    case EXT2_ET_REV_TOO_HIGH:
    case EXT2_ET_UNKNOWN_CSUM:
      return Error(absl::StatusCode::kUnimplemented, reason::kUnsupportedFormat, message, {{"path", image}});
    default:
      return Error(absl::StatusCode::kDataLoss, reason::kCorruptSource, message, {{"path", image}});
  }
}

namespace {

// Before libext2fs, which asks for memory and reads tables for as many blocks as the superblock claims. Whatever else
// may be wrong with it libext2fs finds.
absl::Status CheckLength(int fd, const std::string& image) {
  struct stat status;
  if (::fstat(fd, &status) != 0) return ErrnoError("cannot read", image);
  if (!S_ISREG(status.st_mode)) return absl::OkStatus();
  ext2_super_block super;
  const ssize_t count = ::pread(fd, &super, sizeof super, SUPERBLOCK_OFFSET);
  if (count < 0) return ErrnoError("cannot read", image);
  if (count < static_cast<ssize_t>(sizeof super) || super.s_magic != EXT2_SUPER_MAGIC) return absl::OkStatus();
  const int shift = EXT2_MIN_BLOCK_LOG_SIZE + static_cast<int>(std::min<uint32_t>(super.s_log_block_size, 32));
  if (ext2fs_blocks_count(&super) <= static_cast<uint64_t>(status.st_size) >> shift) return absl::OkStatus();
  return Error(absl::StatusCode::kDataLoss, reason::kCorruptSource,
               absl::StrCat("The file system in ", Escaped(image), " is damaged: the image is cut short."),
               {{"path", image}});
}

}  // namespace

absl::StatusOr<Filesystem> Filesystem::Open(const std::string& image, Access access) {
  const bool write = access == Access::kWrite;
  Filesystem filesystem;
  filesystem.image_ = image;
  filesystem.fd_.Reset(::open(image.c_str(), (write ? O_RDWR : O_RDONLY) | O_CLOEXEC));
  if (!filesystem.fd_) return ErrnoError("cannot open", image);

  if (!write) RETURN_IF_ERROR(CheckLength(filesystem.fd_.get(), image));
  ext2_filsys handle = nullptr;
  const int flags = EXT2_FLAG_64BITS | (write ? EXT2_FLAG_RW : 0);
  if (errcode_t error = ext2fs_open2(image.c_str(), nullptr, flags, 0, 0, unix_io_manager, &handle); error != 0) {
    return LibraryError(error, "cannot open the file system in", image);
  }
  filesystem.handle_.reset(handle);
  if (!write) return filesystem;
  // The library's own block cache would write stale copies over what we write past it.
  if (errcode_t error = io_channel_set_options(handle->io, "cache=off"); error != 0) {
    return LibraryError(error, "cannot set up", image);
  }
  if (errcode_t error = ext2fs_read_bitmaps(handle); error != 0) {
    return LibraryError(error, "cannot read the bitmaps of", image);
  }
  return filesystem;
}

absl::Status Filesystem::Close() {
  const errcode_t error = ext2fs_close2(handle_.get(), EXT2_FLAG_FLUSH_NO_SYNC);
  if (error != 0) return LibraryError(error, "cannot write the tables of", image_);
  (void)handle_.release();
  RETURN_IF_ERROR(Failpoint("ext4.sync"));
  if (::fsync(fd_.get()) != 0) return ErrnoError("cannot write", image_);
  return absl::OkStatus();
}

uint32_t Filesystem::Checksum(uint32_t inode, std::string_view bytes) const {
  const uint32_t owner[2] = {inode, 0};
  return ContinueChecksum(ContinueChecksum(handle_->csum_seed, {reinterpret_cast<const char*>(owner), sizeof owner}),
                          bytes);
}

uint32_t ContinueChecksum(uint32_t checksum, std::string_view bytes) {
  return ext2fs_crc32c_le(checksum, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
}

}  // namespace wslm::ext4
