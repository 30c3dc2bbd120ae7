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

// Small enough that the processor still has it at hand when it is copied on.
constexpr int64_t kBufferSize = int64_t{256} << 10;
constexpr int64_t kBytesPerSector = 512;
// From this size on, what was read is dropped from the page cache again: the user's own files are worth more there.
constexpr int64_t kLargeFile = int64_t{64} << 20;

}  // namespace

SparseReader::SparseReader(UniqueFd fd, const struct stat& st, std::string path, std::vector<char>* buffer)
    : fd_(std::move(fd)),
      path_(std::move(path)),
      size_(st.st_size),
      has_holes_(st.st_blocks * kBytesPerSector < st.st_size),
      data_end_(has_holes_ ? 0 : size_),
      buffer_(buffer) {}

absl::StatusOr<std::optional<DataBlock>> SparseReader::Read() {
  if (offset_ >= size_) return std::nullopt;
  if (offset_ >= data_end_) {
    ASSIGN_OR_RETURN(const bool more, FindData());
    if (!more) return std::nullopt;
  }
  const int64_t wanted = std::min(kBufferSize, data_end_ - offset_);
  buffer_->resize(kBufferSize);
  ssize_t length;
  do {
    length = pread(fd_.get(), buffer_->data(), static_cast<size_t>(wanted), offset_);
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
  const DataBlock block{.offset = offset_, .bytes = std::string_view(buffer_->data(), static_cast<size_t>(length))};
  offset_ += length;
  bytes_read_ += length;
  return block;
}

absl::StatusOr<std::vector<DataExtent>> SparseReader::FindExtents() {
  std::vector<DataExtent> extents;
  for (int64_t offset = 0; offset < size_;) {
    ASSIGN_OR_RETURN(const std::optional<DataExtent> data, DataFrom(offset));
    if (!data) break;
    extents.push_back(*data);
    offset = data->offset + data->length;
  }
  extents_.emplace(extents.rbegin(), extents.rend());
  data_end_ = 0;
  return extents;
}

absl::StatusOr<std::optional<DataExtent>> SparseReader::DataFrom(int64_t offset) const {
  const off_t data = lseek(fd_.get(), offset, SEEK_DATA);
  if (data < 0 && errno == ENXIO) return std::nullopt;
  const off_t hole = data < 0 ? -1 : lseek(fd_.get(), data, SEEK_HOLE);
  if (hole < 0) return ErrnoError("cannot find the holes of", path_);
  if (data >= size_) return std::nullopt;
  return DataExtent{data, std::min<int64_t>(hole, size_) - data};
}

absl::StatusOr<bool> SparseReader::FindData() {
  std::optional<DataExtent> data;
  if (!extents_) {
    ASSIGN_OR_RETURN(data, DataFrom(offset_));
  } else if (!extents_->empty()) {
    data = extents_->back();
    extents_->pop_back();
  }
  offset_ = data ? data->offset : size_;
  data_end_ = data ? data->offset + data->length : size_;
  return data.has_value();
}

}  // namespace wslm
