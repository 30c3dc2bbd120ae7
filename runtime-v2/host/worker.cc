#include "runtime-v2/host/worker.h"

#include <chrono>
#include <future>
#include <utility>

namespace wslm {

Worker::Worker(absl::Duration period, std::function<void()> idle)
    : period_(period), idle_(std::move(idle)), thread_([this] { Run(); }) {}

Worker::~Worker() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void Worker::Post(std::function<void()> task) {
  const std::lock_guard lock(mutex_);
  tasks_.push_back(std::move(task));
  changed_.notify_all();
}

void Worker::Drain() {
  std::promise<void> reached;
  Post([&reached] { reached.set_value(); });
  reached.get_future().wait();
}

void Worker::Run() {
  using Clock = std::chrono::steady_clock;
  const auto period = absl::ToChronoMilliseconds(period_);
  Clock::time_point due = Clock::now() + period;
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait_until(lock, due, [this] { return stop_ || !tasks_.empty(); });
    if (tasks_.empty() && stop_) return;
    std::function<void()> task;
    if (!tasks_.empty() && (stop_ || Clock::now() < due)) {
      task = std::move(tasks_.front());
      tasks_.pop_front();
    }
    lock.unlock();
    if (task) {
      task();
    } else {
      idle_();
      due = Clock::now() + period;
    }
    // What it holds may end here: not under the lock.
    task = nullptr;
    lock.lock();
  }
}

}  // namespace wslm
