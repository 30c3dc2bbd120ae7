#include "distros/tar/gunzip.h"

#include <zlib.h>

#include <algorithm>
#include <climits>
#include <utility>
#include <vector>

#include "distros/host/status_macros.h"
#include "distros/tar/archive_reader.h"

namespace wslm {
namespace {

class GzipReader : public ByteSource {
 public:
  GzipReader(std::unique_ptr<ByteSource> bytes, std::string name)
      : bytes_(std::move(bytes)), name_(std::move(name)), input_(size_t{256} << 10) {
    constexpr int kGzipOnly = 16;
    ready_ = inflateInit2(&stream_, MAX_WBITS + kGzipOnly) == Z_OK;
  }
  ~GzipReader() override {
    if (ready_) inflateEnd(&stream_);
  }

  absl::StatusOr<size_t> Read(char* buffer, size_t size) override {
    if (!ready_) return CorruptArchive(name_, "there is no memory to unpack it");
    const auto wanted = static_cast<uInt>(std::min<size_t>(size, INT_MAX));
    stream_.next_out = reinterpret_cast<Bytef*>(buffer);
    stream_.avail_out = wanted;
    while (stream_.avail_out == wanted && !ended_) {
      if (stream_.avail_in == 0) RETURN_IF_ERROR(Fill());
      if (between_members_) {
        ASSIGN_OR_RETURN(const bool more, BeginMember());
        if (!more) break;
      }
      if (stream_.avail_in == 0) return CorruptArchive(name_, "the gzip data ends early");
      const int result = inflate(&stream_, Z_NO_FLUSH);
      if (result == Z_STREAM_END) {
        between_members_ = true;
      } else if (result != Z_OK && result != Z_BUF_ERROR) {
        return CorruptArchive(name_, stream_.msg != nullptr ? stream_.msg : "the gzip data is wrong");
      }
    }
    return wanted - stream_.avail_out;
  }

 private:
  absl::Status Fill() {
    ASSIGN_OR_RETURN(const size_t count, bytes_->Read(reinterpret_cast<char*>(input_.data()), input_.size()));
    stream_.next_in = input_.data();
    stream_.avail_in = static_cast<uInt>(count);
    return absl::OkStatus();
  }

  // Whether another member begins here. The first byte tells: padding is zeros, and a member that is cut within its
  // magic is found to be so when it is read.
  absl::StatusOr<bool> BeginMember() {
    constexpr Bytef kMagic = 0x1F;
    if (stream_.avail_in > 0 && *stream_.next_in == kMagic) {
      between_members_ = false;
      inflateReset(&stream_);
      return true;
    }
    // To the end, so that who fills a pipe can finish.
    while (stream_.avail_in > 0) RETURN_IF_ERROR(Fill());
    ended_ = true;
    return false;
  }

  const std::unique_ptr<ByteSource> bytes_;
  const std::string name_;
  std::vector<Bytef> input_;
  z_stream stream_ = {};
  bool ready_ = false;
  bool between_members_ = false;
  bool ended_ = false;
};

}  // namespace

std::unique_ptr<ByteSource> Gunzip(std::unique_ptr<ByteSource> bytes, std::string name) {
  return std::make_unique<GzipReader>(std::move(bytes), std::move(name));
}

}  // namespace wslm
