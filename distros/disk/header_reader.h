// A disk image, or the content in it, as its headers' readers see it: bytes at an offset, or a clear error.
#ifndef WSLM_DISTROS_DISK_HEADER_READER_H_
#define WSLM_DISTROS_DISK_HEADER_READER_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace wslm::disk {

// The largest disk that is taken: as large as our own file systems may be.
inline constexpr int64_t kLargestDisk = int64_t{64} << 40;

class HeaderReader {
 public:
  // `fd` is the caller's and outlives this; `path` is for messages.
  HeaderReader(int fd, std::string path, int64_t file_size) : fd_(fd), path_(std::move(path)), file_size_(file_size) {}

  virtual ~HeaderReader() = default;

  int64_t file_size() const { return file_size_; }
  const std::string& path() const { return path_; }

  // `size` bytes at `offset`. Errors: CORRUPT_SOURCE when the file ends before (or the offset is none), IO_ERROR.
  absl::StatusOr<std::string> Read(uint64_t offset, size_t size) const;
  // As many of them as there are.
  virtual absl::StatusOr<std::string> ReadUpTo(uint64_t offset, size_t size) const;

  // CORRUPT_SOURCE: "PATH is damaged: WHAT."
  absl::Status Corrupt(std::string_view what) const;
  // UNSUPPORTED_FORMAT: "PATH WHAT. REMEDY", `detected` for programs.
  absl::Status Unsupported(std::string_view detected, std::string_view what, std::string_view remedy) const;
  // Whether a disk may be that large.
  absl::Status CheckVirtualSize(uint64_t size) const;

 private:
  int fd_;
  std::string path_;
  int64_t file_size_;
};

// Whether `bytes` reaches so far and has `magic` there.
bool HasAt(std::string_view bytes, size_t offset, std::string_view magic);

// Numbers in `bytes`, which reaches so far.
template <typename Number>
Number BigEndian(std::string_view bytes, size_t at) {
  Number value = 0;
  for (size_t i = 0; i < sizeof(Number); ++i) {
    value = static_cast<Number>(uint64_t{value} << 8 | static_cast<unsigned char>(bytes[at + i]));
  }
  return value;
}
template <typename Number>
Number LittleEndian(std::string_view bytes, size_t at) {
  Number value = 0;
  for (size_t i = sizeof(Number); i-- > 0;) {
    value = static_cast<Number>(uint64_t{value} << 8 | static_cast<unsigned char>(bytes[at + i]));
  }
  return value;
}

}  // namespace wslm::disk

#endif  // WSLM_DISTROS_DISK_HEADER_READER_H_
