#include "runtime-v1/init/stdin_queue.h"

#include <unistd.h>

#include <cerrno>

namespace wslm::init {

void StdinQueue::Take(std::string_view bytes, size_t cost) {
  taken_ += static_cast<int64_t>(bytes.size());
  costs_.emplace_back(taken_, cost);
  if (!broken_) queued_.append(bytes);
}

void StdinQueue::TakeOwn(std::string_view bytes) {
  own_ += static_cast<int64_t>(bytes.size());
  if (!broken_) queued_.append(bytes);
}

size_t StdinQueue::FreeCosts() {
  const int64_t written_to = taken_ + own_ - static_cast<int64_t>(queued_.size() - written_);
  size_t free = 0;
  while (!costs_.empty() && costs_.front().first <= written_to) {
    free += costs_.front().second;
    costs_.pop_front();
  }
  return free;
}

size_t StdinQueue::WriteTo(int fd) {
  while (!empty()) {
    const ssize_t count = ::write(fd, queued_.data() + written_, queued_.size() - written_);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno == EAGAIN) break;
    if (count < 0) return Break();
    written_ += static_cast<size_t>(count);
  }
  if (empty()) {
    queued_.clear();
    written_ = 0;
  } else if (written_ > queued_.size() / 2) {
    queued_.erase(0, written_);
    written_ = 0;
  }
  return FreeCosts();
}

size_t StdinQueue::Break() {
  broken_ = true;
  queued_.clear();
  written_ = 0;
  return FreeCosts();
}

}  // namespace wslm::init
