#include "distros/tar/unpack.h"

#include <algorithm>
#include <cstring>
#include <string_view>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "distros/host/error.h"
#include "distros/host/status_macros.h"
#include "distros/tar/archive_reader.h"

namespace wslm {
namespace {

class Unpacker : public ByteSource {
 public:
  Unpacker(std::unique_ptr<ByteSource> bytes, std::string name) : reader_(std::move(bytes), std::move(name)) {}

  absl::StatusOr<size_t> Read(char* buffer, size_t size) override {
    if (!opened_) RETURN_IF_ERROR(Open());
    while (block_.empty() && !ended_) {
      const void* bytes = nullptr;
      size_t count = 0;
      la_int64_t offset = 0;
      const int result = archive_read_data_block(reader_.get(), &bytes, &count, &offset);
      if (result == ARCHIVE_EOF) {
        ended_ = true;
      } else if (result != ARCHIVE_OK) {
        return Failure();
      } else {
        block_ = {static_cast<const char*>(bytes), count};
      }
    }
    const size_t count = std::min(size, block_.size());
    std::memcpy(buffer, block_.data(), count);
    block_.remove_prefix(count);
    return count;
  }

 private:
  absl::Status Open() {
    archive* raw = reader_.get();
    archive_read_support_filter_xz(raw);
    archive_read_support_filter_zstd(raw);
    archive_read_support_filter_bzip2(raw);
    archive_read_support_filter_lz4(raw);
    archive_read_support_format_raw(raw);
    if (!reader_.Open().ok()) return Failure();
    opened_ = true;
    // One compression and the bytes themselves: libarchive would unpack what is packed many times over without end.
    if (archive_filter_count(raw) > 2) {
      return Error(absl::StatusCode::kInvalidArgument, reason::kUnsupportedFormat,
                   absl::StrCat(Escaped(reader_.name()), " is compressed several times. Unpack it once and try again."),
                   {{"detected", "compressed"}, {"path", reader_.name()}});
    }
    archive_entry* entry = nullptr;
    const int result = archive_read_next_header(raw, &entry);
    // A stream of no bytes has no entry.
    ended_ = result == ARCHIVE_EOF;
    return ended_ || result == ARCHIVE_OK ? absl::OkStatus() : Failure();
  }

  absl::Status Failure() const {
    absl::Status status = reader_.Failure();
    // liblzma's words for an xz stream that ends early.
    if (!absl::StrContains(status.message(), "No progress is possible")) return status;
    return CorruptArchive(reader_.name(), "the xz data ends early");
  }

  ArchiveReader reader_;
  bool opened_ = false;
  bool ended_ = false;
  std::string_view block_;  // libarchive's, until the next call
};

}  // namespace

std::unique_ptr<ByteSource> Unpack(std::unique_ptr<ByteSource> bytes, std::string name) {
  return std::make_unique<Unpacker>(std::move(bytes), std::move(name));
}

}  // namespace wslm
