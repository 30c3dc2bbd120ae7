#include "distros/oci/bounded_unpack.h"

#include <cstdint>
#include <utility>

#include "distros/host/status_macros.h"
#include "distros/tar/gunzip.h"
#include "distros/tar/unpack.h"

namespace wslm {
namespace {

class CountedSource : public ByteSource {
 public:
  CountedSource(std::unique_ptr<ByteSource> bytes, std::shared_ptr<int64_t> count)
      : bytes_(std::move(bytes)), count_(std::move(count)) {}
  absl::StatusOr<size_t> Read(char* buffer, size_t size) override {
    ASSIGN_OR_RETURN(const size_t read, bytes_->Read(buffer, size));
    *count_ += static_cast<int64_t>(read);
    return read;
  }
  int64_t total() const override { return bytes_->total(); }

 private:
  const std::unique_ptr<ByteSource> bytes_;
  const std::shared_ptr<int64_t> count_;
};

class BoundedSource : public ByteSource {
 public:
  BoundedSource(const Limits& limits, std::unique_ptr<ByteSource> bytes, std::shared_ptr<const int64_t> packed)
      : limits_(limits), bytes_(std::move(bytes)), packed_(std::move(packed)) {}
  absl::StatusOr<size_t> Read(char* buffer, size_t size) override {
    ASSIGN_OR_RETURN(const size_t read, bytes_->Read(buffer, size));
    RETURN_IF_ERROR(limits_.Write({.offset = 0, .bytes = {buffer, read}}, *packed_));
    return read;
  }

 private:
  LimitChecker limits_;
  const std::unique_ptr<ByteSource> bytes_;
  // Bytes that were read of it.
  const std::shared_ptr<const int64_t> packed_;
};

}  // namespace

std::unique_ptr<ByteSource> UnpackWithin(const Limits& limits, ContentKind kind, std::unique_ptr<ByteSource> packed,
                                         std::string name) {
  const auto count = std::make_shared<int64_t>(0);
  auto counted = std::make_unique<CountedSource>(std::move(packed), count);
  std::unique_ptr<ByteSource> unpacked = kind == ContentKind::kGzip ? Gunzip(std::move(counted), std::move(name))
                                                                    : Unpack(std::move(counted), std::move(name));
  return std::make_unique<BoundedSource>(limits, std::move(unpacked), count);
}

}  // namespace wslm
