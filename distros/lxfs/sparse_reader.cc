#include "distros/lxfs/sparse_reader.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string_view>
#include <utility>

#include "distros/host/error.h"
#include "distros/host/status_macros.h"

namespace wslm {
namespace {

constexpr int64_t kBufferSize = int64_t{1} << 20;
constexpr int64_t kBytesPerSector = 512;
// From this size on, what was read is dropped from the page cache again: the user's own files are worth more there.
constexpr int64_t kLargeFile = int64_t{64} << 20;

}  // namespace

SparseReader::SparseReader(UniqueFd fd, const struct stat& st, std::string path)
    : fd_(std::move(fd)),
      path_(std::move(path)),
      size_(st.st_size),
      has_holes_(st.st_blocks * kBytesPerSector < st.st_size),
      data_end_(has_holes_ ? 0 : size_) {}

absl::StatusOr<std::optional<DataBlock>> SparseReader::Read() {
  if (offset_ >= size_) return std::nullopt;
  if (offset_ >= data_end_) {
    ASSIGN_OR_RETURN(const bool more, FindData());
    if (!more) return std::nullopt;
  }
  const int64_t wanted = std::min(kBufferSize, data_end_ - offset_);
  if (buffer_.size() < static_cast<size_t>(wanted)) buffer_.resize(static_cast<size_t>(wanted));
  ssize_t length;
  do {
    length = pread(fd_.get(), buffer_.data(), static_cast<size_t>(wanted), offset_);
  } while (length < 0 && errno == EINTR);
  if (length < 0) return ErrnoError("cannot read", path_);
  if (length == 0) {
    return Error(absl::StatusCode::kAborted, reason::kIoError,
                 "The file " + Escaped(path_) +
                     " became shorter while it was read. Stop what works on the distro's "
                     "files, and try again.",
                 {{"path", path_}});
  }
  if (size_ >= kLargeFile) posix_fadvise(fd_.get(), offset_, length, POSIX_FADV_DONTNEED);
  const DataBlock block{.offset = offset_, .bytes = std::string_view(buffer_.data(), static_cast<size_t>(length))};
  offset_ += length;
  bytes_read_ += length;
  return block;
}

absl::StatusOr<bool> SparseReader::FindData() {
  const off_t data = lseek(fd_.get(), offset_, SEEK_DATA);
  if (data < 0 && errno == ENXIO) {
    offset_ = size_;
    return false;
  }
  const off_t hole = data < 0 ? -1 : lseek(fd_.get(), data, SEEK_HOLE);
  if (hole < 0) return ErrnoError("cannot find the holes of", path_);
  offset_ = std::min<int64_t>(data, size_);
  data_end_ = std::min<int64_t>(hole, size_);
  return offset_ < size_;
}

}  // namespace wslm
