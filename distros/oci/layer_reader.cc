#include "distros/oci/layer_reader.h"

#include <atomic>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "distros/host/status_macros.h"
#include "distros/oci/bounded_unpack.h"
#include "distros/tar/archive_reader.h"
#include "distros/tar/detect.h"
#include "distros/tar/read_ahead.h"
#include "distros/tar/tar_source.h"

namespace wslm {
namespace {

// Hashes and counts what is read through it.
struct Hashed {
  explicit Hashed(std::unique_ptr<ByteSource> source, const CancelFlag* flag)
      : bytes(std::move(source)), cancel(flag) {}

  absl::StatusOr<size_t> Read(char* buffer, size_t size) {
    RETURN_IF_ERROR(CheckCancel(cancel));
    ASSIGN_OR_RETURN(const size_t read, bytes->Read(buffer, size));
    sha.Update({buffer, read});
    count.fetch_add(static_cast<int64_t>(read), std::memory_order_relaxed);
    return read;
  }
  absl::Status Drain() {
    std::string buffer(size_t{64} << 10, '\0');
    while (true) {
      ASSIGN_OR_RETURN(const size_t read, Read(buffer.data(), buffer.size()));
      if (read == 0) return absl::OkStatus();
    }
  }

  const std::unique_ptr<ByteSource> bytes;
  const CancelFlag* const cancel;
  Sha256 sha;
  std::atomic<int64_t> count = 0;
};

class HashedSource : public ByteSource {
 public:
  explicit HashedSource(std::shared_ptr<Hashed> hashed) : hashed_(std::move(hashed)) {}
  absl::StatusOr<size_t> Read(char* buffer, size_t size) override { return hashed_->Read(buffer, size); }
  int64_t total() const override { return hashed_->bytes->total(); }

 private:
  const std::shared_ptr<Hashed> hashed_;
};

class LayerSource : public Source {
 public:
  LayerSource(std::unique_ptr<Source> tar, std::shared_ptr<Hashed> packed, std::shared_ptr<Hashed> unpacked,
              ImageLayer layer, std::string name)
      : tar_(std::move(tar)),
        packed_(std::move(packed)),
        unpacked_(std::move(unpacked)),
        layer_(std::move(layer)),
        name_(std::move(name)) {}

  absl::StatusOr<bool> Next(Entry& entry) override {
    if (tar_ == nullptr) return false;
    ASSIGN_OR_RETURN(const bool more, tar_->Next(entry));
    if (!more) RETURN_IF_ERROR(Check());
    return more;
  }
  absl::StatusOr<std::optional<DataBlock>> Read() override {
    if (tar_ == nullptr) return std::nullopt;
    return tar_->Read();
  }
  int64_t position() const override { return packed_->count.load(std::memory_order_relaxed); }
  int64_t total() const override { return layer_.size; }
  std::vector<std::string> warnings() const override { return tar_ == nullptr ? warnings_ : tar_->warnings(); }

 private:
  absl::Status Check() {
    warnings_ = tar_->warnings();
    // Ends the thread that reads ahead; both are this thread's own then.
    tar_.reset();
    if (unpacked_ != nullptr) RETURN_IF_ERROR(unpacked_->Drain());
    RETURN_IF_ERROR(packed_->Drain());
    const Sha256Digest file = packed_->sha.Finish();
    if (layer_.digest && file != *layer_.digest) {
      return CorruptArchive(name_, "its content is not what its digest says");
    }
    if ((unpacked_ != nullptr ? unpacked_->sha.Finish() : file) != layer_.diff_id) {
      return CorruptArchive(name_, "what it holds is not what the image's config says");
    }
    return absl::OkStatus();
  }

  std::unique_ptr<Source> tar_;
  const std::shared_ptr<Hashed> packed_;
  // nullptr: the layer is not packed.
  const std::shared_ptr<Hashed> unpacked_;
  const ImageLayer layer_;
  const std::string name_;
  std::vector<std::string> warnings_;
};

absl::StatusOr<ContentKind> KindOf(const FilePart& part, const std::string& name) {
  std::string head(kDetectBytes, '\0');
  const std::unique_ptr<ByteSource> bytes = ReadPart(part, name);
  size_t filled = 0;
  while (filled < head.size()) {
    ASSIGN_OR_RETURN(const size_t count, bytes->Read(head.data() + filled, head.size() - filled));
    if (count == 0) break;
    filled += count;
  }
  head.resize(filled);
  return DetectContent(head);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Source>> OpenLayer(const ImageFiles& files, const ImageLayer& layer,
                                                  const Limits& limits, const CancelFlag* cancel) {
  ASSIGN_OR_RETURN(const FilePart part, files.Open(layer.file));
  const std::string name = absl::StrCat(files.name(), ": ", layer.file);
  ASSIGN_OR_RETURN(const ContentKind kind, KindOf(part, name));
  auto packed = std::make_shared<Hashed>(ReadPart(part, name), cancel);
  std::shared_ptr<Hashed> unpacked;
  std::unique_ptr<ByteSource> bytes = std::make_unique<HashedSource>(packed);
  if (kind == ContentKind::kGzip || kind == ContentKind::kCompressed) {
    unpacked = std::make_shared<Hashed>(UnpackWithin(limits, kind, std::move(bytes), name), cancel);
    bytes = std::make_unique<HashedSource>(unpacked);
  }
  ASSIGN_OR_RETURN(std::unique_ptr<Source> tar, OpenTarSource(ReadAhead(std::move(bytes)), name));
  return std::make_unique<LayerSource>(std::move(tar), std::move(packed), std::move(unpacked), layer, name);
}

}  // namespace wslm
