#include "runtime-v1/lxcore/thread_pool.h"

#include <thread>
#include <utility>

namespace wslm::lxcore {

void ThreadPool::Post(std::function<void()> work) {
  {
    std::lock_guard lock(mutex_);
    queue_.push(std::move(work));
    if (idle_ < static_cast<int>(queue_.size()) && threads_ < kMostThreads) {
      ++threads_;
      std::thread(&ThreadPool::Work, this).detach();
    }
  }
  posted_.notify_one();
}

void ThreadPool::Work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    ++idle_;
    posted_.wait(lock, [this] { return !queue_.empty(); });
    --idle_;
    const std::function<void()> work = std::move(queue_.front());
    queue_.pop();
    lock.unlock();
    work();
    lock.lock();
  }
}

}  // namespace wslm::lxcore
