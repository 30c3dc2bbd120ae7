#include "daemon/server/workers.h"

#include <chrono>
#include <utility>

namespace wslm::daemon {

Workers::~Workers() {
  std::vector<std::thread> threads;
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
    threads.swap(threads_);
  }
  changed_.notify_all();
  for (auto& thread : threads) thread.join();
}

void Workers::Run(std::function<void()> task) {
  std::lock_guard lock(mutex_);
  tasks_.push_back(std::move(task));
  if (idle_ < tasks_.size() && threads_.size() < limit_ && !stopping_) threads_.emplace_back([this] { Loop(); });
  changed_.notify_one();
}

bool Workers::WaitUntilIdle(absl::Duration timeout) {
  std::unique_lock lock(mutex_);
  return idle_changed_.wait_for(lock, absl::ToChronoMilliseconds(timeout),
                                [this] { return tasks_.empty() && idle_ == threads_.size(); });
}

void Workers::Loop() {
  std::unique_lock lock(mutex_);
  while (true) {
    ++idle_;
    idle_changed_.notify_all();
    changed_.wait(lock, [this] { return stopping_ || !tasks_.empty(); });
    --idle_;
    if (tasks_.empty()) return;
    auto task = std::move(tasks_.front());
    tasks_.pop_front();
    lock.unlock();
    task();
    task = nullptr;
    lock.lock();
  }
}

}  // namespace wslm::daemon
