#include "daemon/transfers/byte_pipe.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <utility>

#include "absl/time/clock.h"
#include "distros/host/error.h"
#include "distros/host/status_macros.h"

namespace wslm::daemon {

bool BytePipe::Push(std::string_view bytes) {
  bool full;
  {
    std::lock_guard lock(mutex_);
    if (reader_closed_) return true;
    buffer_ += bytes;
    full = buffer_.size() - taken_ >= capacity_;
    full_reported_ = full;
  }
  changed_.notify_all();
  Notify(&BytePipe::on_data_);
  return !full;
}

template <class Condition>
absl::Status BytePipe::WaitLocked(std::unique_lock<std::mutex>& lock, Condition condition) {
  while (!reader_closed_ && !condition()) {
    const int64_t reads = reads_;
    const auto changed = [&] { return reader_closed_ || reads_ != reads || condition(); };
    if (reader_timeout_ == absl::InfiniteDuration()) {
      changed_.wait(lock, changed);
    } else if (!changed_.wait_for(lock, absl::ToChronoNanoseconds(reader_timeout_), changed)) {
      return Error(absl::StatusCode::kCancelled, reason::kCancelled, "Nobody read the archive any more.");
    }
  }
  return reader_closed_ ? *reader_closed_ : absl::OkStatus();
}

absl::Status BytePipe::Write(std::string_view bytes) {
  std::unique_lock lock(mutex_);
  while (!bytes.empty()) {
    RETURN_IF_ERROR(WaitLocked(lock, [this] { return buffer_.size() - taken_ < capacity_; }));
    const size_t size = std::min(capacity_ - (buffer_.size() - taken_), bytes.size());
    buffer_ += bytes.substr(0, size);
    bytes.remove_prefix(size);
    lock.unlock();
    changed_.notify_all();
    Notify(&BytePipe::on_data_);
    lock.lock();
  }
  return absl::OkStatus();
}

absl::Status BytePipe::WaitUntilTaken() {
  std::unique_lock lock(mutex_);
  return WaitLocked(lock, [this] { return buffer_.size() == taken_; });
}

void BytePipe::CloseWriter(const absl::Status& status) {
  {
    std::lock_guard lock(mutex_);
    if (end_) return;
    end_ = status;
  }
  changed_.notify_all();
  Notify(&BytePipe::on_data_);
}

std::string BytePipe::TakeLocked(size_t size) {
  size = std::min(size, buffer_.size() - taken_);
  std::string bytes = buffer_.substr(taken_, size);
  taken_ += size;
  if (taken_ == buffer_.size() || taken_ >= capacity_) {
    buffer_.erase(0, taken_);
    taken_ = 0;
  }
  if (size > 0) ++reads_;
  return bytes;
}

std::string BytePipe::Take(size_t size) {
  std::string bytes;
  {
    std::lock_guard lock(mutex_);
    bytes = TakeLocked(size);
  }
  changed_.notify_all();
  return bytes;
}

std::optional<absl::Status> BytePipe::End() const {
  std::lock_guard lock(mutex_);
  return buffer_.size() > taken_ ? std::nullopt : end_;
}

absl::StatusOr<size_t> BytePipe::Read(char* buffer, size_t size) {
  std::string bytes;
  bool room;
  {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return buffer_.size() > taken_ || end_ || reader_closed_; });
    if (reader_closed_) return *reader_closed_;
    bytes = TakeLocked(size);
    if (bytes.empty() && !end_->ok()) return *end_;
    room = full_reported_ && buffer_.size() - taken_ < capacity_ / 2;
    if (room) full_reported_ = false;
  }
  changed_.notify_all();
  if (room) Notify(&BytePipe::on_room_);
  std::memcpy(buffer, bytes.data(), bytes.size());
  return bytes.size();
}

void BytePipe::CloseReader(const absl::Status& status) {
  {
    std::lock_guard lock(mutex_);
    if (reader_closed_) return;
    reader_closed_ = status;
    buffer_.clear();
    taken_ = 0;
  }
  changed_.notify_all();
  Notify(&BytePipe::on_room_);
}

std::optional<absl::Status> BytePipe::reader_closed() const {
  std::lock_guard lock(mutex_);
  return reader_closed_;
}

void BytePipe::OnRoom(std::function<void()> callback) {
  std::lock_guard lock(mutex_);
  on_room_ = std::move(callback);
}

void BytePipe::OnData(std::function<void()> callback) {
  std::lock_guard lock(mutex_);
  on_data_ = std::move(callback);
}

void BytePipe::Notify(std::function<void()> BytePipe::*callback) {
  std::function<void()> copy;
  {
    std::lock_guard lock(mutex_);
    copy = this->*callback;
  }
  if (copy) copy();
}

namespace {

class Source : public ByteSource {
 public:
  Source(std::shared_ptr<BytePipe> pipe, int64_t total) : pipe_(std::move(pipe)), total_(total) {}
  absl::StatusOr<size_t> Read(char* buffer, size_t size) override { return pipe_->Read(buffer, size); }
  int64_t total() const override { return total_; }

 private:
  const std::shared_ptr<BytePipe> pipe_;
  const int64_t total_;
};

class Sink : public ByteSink {
 public:
  explicit Sink(std::shared_ptr<BytePipe> pipe) : pipe_(std::move(pipe)) {}
  absl::Status Write(std::string_view bytes) override { return pipe_->Write(bytes); }

 private:
  const std::shared_ptr<BytePipe> pipe_;
};

}  // namespace

std::unique_ptr<ByteSource> PipeSource(std::shared_ptr<BytePipe> pipe, int64_t total) {
  return std::make_unique<Source>(std::move(pipe), total);
}

std::unique_ptr<ByteSink> PipeSink(std::shared_ptr<BytePipe> pipe) { return std::make_unique<Sink>(std::move(pipe)); }

}  // namespace wslm::daemon
