#include "distros/tar/xz_sink.h"

#include <lzma.h>

#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "distros/host/error.h"
#include "distros/host/status_macros.h"

namespace wslm {
namespace {

constexpr size_t kBuffer = size_t{256} << 10;
// How often the cancel flag is looked at while all threads are busy.
constexpr uint32_t kLookMilliseconds = 50;

absl::Status Failure(lzma_ret result) {
  if (result == LZMA_MEM_ERROR) {
    return Error(
        absl::StatusCode::kResourceExhausted, reason::kIoError,
        "There is not enough memory to compress with xz. Choose another compression (.zst, .gz) and try again.");
  }
  return Error(absl::StatusCode::kInternal, reason::kIoError,
               absl::StrCat("The archive can't be compressed with xz (error ", static_cast<int>(result), ")."));
}

class XzSink : public ByteSink {
 public:
  XzSink(std::unique_ptr<ByteSink> bytes, const CancelFlag* cancel)
      : bytes_(std::move(bytes)), cancel_(cancel), packed_(kBuffer, '\0') {
    BeginBuffer();
  }
  ~XzSink() override { lzma_end(&stream_); }
  XzSink(const XzSink&) = delete;
  XzSink& operator=(const XzSink&) = delete;

  absl::Status Open(int threads) {
    lzma_mt options = {};
    options.threads = static_cast<uint32_t>(threads);
    options.timeout = kLookMilliseconds;
    options.preset = LZMA_PRESET_DEFAULT;
    options.check = LZMA_CHECK_CRC64;
    const lzma_ret result = lzma_stream_encoder_mt(&stream_, &options);
    return result == LZMA_OK ? absl::OkStatus() : Failure(result);
  }

  absl::Status Write(std::string_view bytes) override {
    stream_.next_in = reinterpret_cast<const uint8_t*>(bytes.data());
    stream_.avail_in = bytes.size();
    while (stream_.avail_in > 0) RETURN_IF_ERROR(Step(LZMA_RUN).status());
    return absl::OkStatus();
  }

  absl::Status Finish() override {
    while (true) {
      ASSIGN_OR_RETURN(const bool ended, Step(LZMA_FINISH));
      if (ended) break;
    }
    RETURN_IF_ERROR(Flush());
    return bytes_->Finish();
  }

 private:
  // Whether that was all.
  absl::StatusOr<bool> Step(lzma_action action) {
    RETURN_IF_ERROR(CheckCancel(cancel_));
    const lzma_ret result = lzma_code(&stream_, action);
    if (result != LZMA_OK && result != LZMA_STREAM_END) return Failure(result);
    if (stream_.avail_out == 0) RETURN_IF_ERROR(Flush());
    return result == LZMA_STREAM_END;
  }

  absl::Status Flush() {
    RETURN_IF_ERROR(bytes_->Write(std::string_view(packed_).substr(0, packed_.size() - stream_.avail_out)));
    BeginBuffer();
    return absl::OkStatus();
  }

  void BeginBuffer() {
    stream_.next_out = reinterpret_cast<uint8_t*>(packed_.data());
    stream_.avail_out = packed_.size();
  }

  const std::unique_ptr<ByteSink> bytes_;
  const CancelFlag* const cancel_;
  std::string packed_;
  lzma_stream stream_ = LZMA_STREAM_INIT;
};

}  // namespace

absl::StatusOr<std::unique_ptr<ByteSink>> OpenXzSink(std::unique_ptr<ByteSink> bytes, int threads,
                                                     const CancelFlag* cancel) {
  auto sink = std::make_unique<XzSink>(std::move(bytes), cancel);
  RETURN_IF_ERROR(sink->Open(threads));
  return sink;
}

}  // namespace wslm
