#include "distros/tar/read_ahead.h"

#include <algorithm>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

namespace wslm {
namespace {

constexpr size_t kChunk = size_t{256} << 10;
constexpr size_t kQueueMax = 8;

class AheadReader : public ByteSource {
 public:
  explicit AheadReader(std::unique_ptr<ByteSource> bytes) : bytes_(std::move(bytes)) {
    thread_ = std::thread([this] { Run(); });
  }

  ~AheadReader() override {
    {
      const std::lock_guard lock(mutex_);
      stopped_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }

  absl::StatusOr<size_t> Read(char* buffer, size_t size) override {
    if (used_ == chunk_.size()) {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return !queue_.empty() || finished_; });
      if (queue_.empty()) {
        if (!status_.ok()) return status_;
        return 0;
      }
      chunk_ = std::move(queue_.front());
      queue_.pop_front();
      used_ = 0;
      changed_.notify_all();
    }
    const size_t count = std::min(size, chunk_.size() - used_);
    std::memcpy(buffer, chunk_.data() + used_, count);
    used_ += count;
    return count;
  }

 private:
  void Run() {
    absl::Status status;
    while (true) {
      std::string chunk(kChunk, '\0');
      size_t filled = 0;
      bool ended = false;
      while (filled < chunk.size() && !ended) {
        const absl::StatusOr<size_t> count = bytes_->Read(chunk.data() + filled, chunk.size() - filled);
        status = count.status();
        ended = !count.ok() || *count == 0;
        if (!ended) filled += *count;
      }
      chunk.resize(filled);
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return queue_.size() < kQueueMax || stopped_; });
      if (!chunk.empty()) queue_.push_back(std::move(chunk));
      finished_ = ended;
      status_ = status;
      changed_.notify_all();
      if (ended || stopped_) return;
    }
  }

  const std::unique_ptr<ByteSource> bytes_;  // the thread's own
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

std::unique_ptr<ByteSource> ReadAhead(std::unique_ptr<ByteSource> bytes) {
  return std::make_unique<AheadReader>(std::move(bytes));
}

}  // namespace wslm
