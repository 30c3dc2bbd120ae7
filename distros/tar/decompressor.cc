#include "distros/tar/decompressor.h"

#include <condition_variable>
#include <cstring>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>

#include "distros/host/status_macros.h"
#include "distros/tar/archive_reader.h"

namespace wslm {
namespace {

constexpr size_t kChunk = size_t{256} << 10;
constexpr size_t kQueueMax = 8;

class Decompressor : public ByteSource {
 public:
  Decompressor(std::unique_ptr<ByteSource> bytes, std::string name) : reader_(std::move(bytes), std::move(name)) {
    thread_ = std::thread([this] { Run(); });
  }

  ~Decompressor() override {
    {
      const std::lock_guard lock(mutex_);
      stopped_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }

  absl::StatusOr<size_t> Read(char* buffer, size_t size) override {
    if (used_ == chunk_.size() && !Take()) {
      if (!status_.ok()) return status_;
      return 0;
    }
    const size_t count = std::min(size, chunk_.size() - used_);
    std::memcpy(buffer, chunk_.data() + used_, count);
    used_ += count;
    return count;
  }

 private:
  // The next chunk; false at the end.
  bool Take() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return !queue_.empty() || finished_; });
    if (queue_.empty()) return false;
    chunk_ = std::move(queue_.front());
    queue_.pop_front();
    used_ = 0;
    changed_.notify_all();
    return true;
  }

  // False: nobody wants more.
  bool Put(std::string chunk) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return queue_.size() < kQueueMax || stopped_; });
    if (stopped_) return false;
    queue_.push_back(std::move(chunk));
    changed_.notify_all();
    return true;
  }

  void Run() {
    absl::Status status = Unpack();
    const std::lock_guard lock(mutex_);
    status_ = std::move(status);
    finished_ = true;
    changed_.notify_all();
  }

  absl::Status Unpack() {
    archive* raw = reader_.get();
    archive_read_support_filter_gzip(raw);
    archive_read_support_filter_xz(raw);
    archive_read_support_filter_zstd(raw);
    archive_read_support_filter_bzip2(raw);
    archive_read_support_filter_lz4(raw);
    archive_read_support_format_raw(raw);
    RETURN_IF_ERROR(reader_.Open());
    archive_entry* entry = nullptr;
    const int first = archive_read_next_header(raw, &entry);
    // A stream of no bytes has no entry.
    if (first == ARCHIVE_EOF) return absl::OkStatus();
    if (first != ARCHIVE_OK) return reader_.Failure();
    std::string chunk;
    while (true) {
      const void* bytes = nullptr;
      size_t size = 0;
      la_int64_t offset = 0;
      const int result = archive_read_data_block(raw, &bytes, &size, &offset);
      if (result == ARCHIVE_EOF) break;
      if (result != ARCHIVE_OK) return reader_.Failure();
      chunk.append(static_cast<const char*>(bytes), size);
      if (chunk.size() >= kChunk && !Put(std::exchange(chunk, {}))) return absl::OkStatus();
    }
    if (!chunk.empty()) Put(std::move(chunk));
    return absl::OkStatus();
  }

  ArchiveReader reader_;  // the thread's own
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::string> queue_;
  bool finished_ = false;
  bool stopped_ = false;
  absl::Status status_;
  std::string chunk_;  // the reader's own
  size_t used_ = 0;
  std::thread thread_;
};

}  // namespace

std::unique_ptr<ByteSource> Decompressed(std::unique_ptr<ByteSource> bytes, std::string name) {
  return std::make_unique<Decompressor>(std::move(bytes), std::move(name));
}

}  // namespace wslm
