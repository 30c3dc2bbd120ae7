// Byte sinks on the way to another: one that compresses, one that hashes.
#ifndef WSLM_DISTROS_OCI_PACK_H_
#define WSLM_DISTROS_OCI_PACK_H_

#include <cstdint>
#include <memory>
#include <utility>

#include "absl/status/statusor.h"
#include "distros/host/byte_stream.h"
#include "distros/tree/sha256.h"

namespace wslm {

enum class LayerCompression { kNone, kGzip, kZstd };

// Writes compressed what comes; the same bytes for the same input, with no time or name in them. Finish finishes
// `bytes`. kNone gives `bytes` back.
absl::StatusOr<std::unique_ptr<ByteSink>> Pack(std::unique_ptr<ByteSink> bytes, LayerCompression compression);

// What went through a HashedSink.
struct SinkHash {
  Sha256 sha;
  int64_t size = 0;
};

class HashedSink : public ByteSink {
 public:
  // `hash` outlives it.
  HashedSink(std::unique_ptr<ByteSink> bytes, SinkHash& hash) : bytes_(std::move(bytes)), hash_(hash) {}
  absl::Status Write(std::string_view bytes) override {
    hash_.sha.Update(bytes);
    hash_.size += static_cast<int64_t>(bytes.size());
    return bytes_->Write(bytes);
  }
  absl::Status Finish() override { return bytes_->Finish(); }

 private:
  const std::unique_ptr<ByteSink> bytes_;
  SinkHash& hash_;
};

}  // namespace wslm

#endif  // WSLM_DISTROS_OCI_PACK_H_
