// Bytes from somewhere, bytes to somewhere: a file, a pipe, an upload.
#ifndef WSLM_DISTROS_HOST_BYTE_STREAM_H_
#define WSLM_DISTROS_HOST_BYTE_STREAM_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "distros/host/unique_fd.h"

namespace wslm {

// Not thread-safe.
class ByteSource {
 public:
  virtual ~ByteSource() = default;
  // At most `size` bytes into `buffer`; 0 at the end. Blocks.
  virtual absl::StatusOr<size_t> Read(char* buffer, size_t size) = 0;
  // The whole size in bytes, 0 when unknown.
  virtual int64_t total() const { return 0; }
};

// Not thread-safe.
class ByteSink {
 public:
  virtual ~ByteSink() = default;
  // All of it. Blocks.
  virtual absl::Status Write(std::string_view bytes) = 0;
  // To the disk where there is one. No call after it.
  virtual absl::Status Finish() { return absl::OkStatus(); }
};

// Over a descriptor; `name` is for messages.
std::unique_ptr<ByteSource> FdByteSource(UniqueFd fd, std::string_view name);
std::unique_ptr<ByteSink> FdByteSink(UniqueFd fd, std::string_view name);

}  // namespace wslm

#endif  // WSLM_DISTROS_HOST_BYTE_STREAM_H_
