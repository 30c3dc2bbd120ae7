// Byte streams in memory, for tests.
#ifndef WSLM_DISTROS_HOST_TEST_BYTES_H_
#define WSLM_DISTROS_HOST_TEST_BYTES_H_

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

#include "distros/host/byte_stream.h"

namespace wslm {

class StringSource : public ByteSource {
 public:
  // Gives at most `piece` bytes at once; after all of them `end`.
  explicit StringSource(std::string bytes, size_t piece = 65536, absl::Status end = absl::OkStatus())
      : bytes_(std::move(bytes)), piece_(piece), end_(std::move(end)) {}
  absl::StatusOr<size_t> Read(char* buffer, size_t size) override {
    const size_t count = std::min({size, piece_, bytes_.size() - used_});
    if (count == 0 && !end_.ok()) return end_;
    std::memcpy(buffer, bytes_.data() + used_, count);
    used_ += count;
    return count;
  }
  int64_t total() const override { return static_cast<int64_t>(bytes_.size()); }

 private:
  const std::string bytes_;
  const size_t piece_;
  const absl::Status end_;
  size_t used_ = 0;
};

// Writes into a string of the test's; takes `room` bytes, then fails with `full`.
class StringSink : public ByteSink {
 public:
  explicit StringSink(std::string& bytes, size_t room = SIZE_MAX, absl::Status full = absl::OkStatus())
      : bytes_(bytes), room_(room), full_(std::move(full)) {}
  absl::Status Write(std::string_view bytes) override {
    if (bytes_.size() + bytes.size() > room_) return full_;
    bytes_ += bytes;
    return absl::OkStatus();
  }

 private:
  std::string& bytes_;
  const size_t room_;
  const absl::Status full_;
};

}  // namespace wslm

#endif  // WSLM_DISTROS_HOST_TEST_BYTES_H_
