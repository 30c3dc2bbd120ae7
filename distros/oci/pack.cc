#include "distros/oci/pack.h"

#include <archive.h>
#include <archive_entry.h>

#include <cerrno>
#include <string>

#include "absl/strings/str_cat.h"
#include "distros/host/error.h"
#include "distros/host/status_macros.h"

namespace wslm {
namespace {

class Packer : public ByteSink {
 public:
  explicit Packer(std::unique_ptr<ByteSink> bytes) : bytes_(std::move(bytes)), archive_(archive_write_new()) {}

  ~Packer() override {
    // Without Finish nothing more is to be written: what libarchive would finish when it is freed fails at its first
    // byte.
    dropping_ = true;
  }

  absl::Status Open(LayerCompression compression) {
    archive* writer = archive_.get();
    bool ready = archive_write_set_format_raw(writer) == ARCHIVE_OK;
    if (compression == LayerCompression::kGzip) {
      ready = ready && archive_write_add_filter_gzip(writer) == ARCHIVE_OK &&
              archive_write_set_filter_option(writer, "gzip", "timestamp", nullptr) == ARCHIVE_OK;
    } else {
      // Always as many threads: how many there are may show in the output.
      ready = ready && archive_write_add_filter_zstd(writer) == ARCHIVE_OK &&
              archive_write_set_filter_option(writer, "zstd", "threads", "2") == ARCHIVE_OK;
    }
    archive_write_set_bytes_per_block(writer, 256 << 10);
    archive_write_set_bytes_in_last_block(writer, 1);
    ready = ready && archive_write_open(writer, this, nullptr, &Packer::WriteCallback, nullptr) == ARCHIVE_OK;
    const std::unique_ptr<archive_entry, Free> entry(archive_entry_new());
    archive_entry_set_filetype(entry.get(), AE_IFREG);
    ready = ready && archive_write_header(writer, entry.get()) == ARCHIVE_OK;
    return ready ? absl::OkStatus() : Failure();
  }

  absl::Status Write(std::string_view bytes) override {
    while (!bytes.empty()) {
      const la_ssize_t count = archive_write_data(archive_.get(), bytes.data(), bytes.size());
      if (count <= 0) return Failure();
      bytes.remove_prefix(static_cast<size_t>(count));
    }
    return absl::OkStatus();
  }

  absl::Status Finish() override {
    if (archive_write_close(archive_.get()) != ARCHIVE_OK) return Failure();
    return bytes_->Finish();
  }

 private:
  struct Free {
    void operator()(archive* writer) const { archive_write_free(writer); }
    void operator()(archive_entry* entry) const { archive_entry_free(entry); }
  };

  static la_ssize_t WriteCallback(archive* writer, void* self, const void* bytes, size_t size) {
    auto& me = *static_cast<Packer*>(self);
    if (me.status_.ok() && !me.dropping_) me.status_ = me.bytes_->Write({static_cast<const char*>(bytes), size});
    if (me.status_.ok() && !me.dropping_) return static_cast<la_ssize_t>(size);
    archive_set_error(writer, EIO, "%s", "it can't be written");
    return -1;
  }

  absl::Status Failure() const {
    if (!status_.ok()) return status_;
    const char* text = archive_error_string(archive_.get());
    return Error(absl::StatusCode::kInternal, reason::kIoError,
                 absl::StrCat("A layer can't be compressed: ", text != nullptr ? Escaped(text) : "unknown cause", "."));
  }

  const std::unique_ptr<ByteSink> bytes_;
  absl::Status status_;
  bool dropping_ = false;
  const std::unique_ptr<archive, Free> archive_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<ByteSink>> Pack(std::unique_ptr<ByteSink> bytes, LayerCompression compression) {
  if (compression == LayerCompression::kNone) return bytes;
  auto packer = std::make_unique<Packer>(std::move(bytes));
  RETURN_IF_ERROR(packer->Open(compression));
  return packer;
}

}  // namespace wslm
