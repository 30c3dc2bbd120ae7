#include "distros/oci/registry/stop.h"

#include <algorithm>
#include <condition_variable>
#include <csignal>
#include <mutex>
#include <thread>
#include <vector>

#include "distros/host/cancel.h"

namespace wslm::oci::registry {
namespace {

// A new thread takes over its maker's signal mask.
class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t all;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~SignalsBlocked() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;

 private:
  sigset_t before_;
};

}  // namespace

absl::Status Stop::Check() const { return IsSet() ? CancelledError() : absl::OkStatus(); }

bool Stop::Sleep(std::chrono::milliseconds time) const {
  constexpr std::chrono::milliseconds kSlice(50);
  for (; time.count() > 0; time -= kSlice) {
    if (IsSet()) return false;
    std::this_thread::sleep_for(std::min(time, kSlice));
  }
  return !IsSet();
}

absl::Status RunAside(const std::function<absl::Status()>& task, const std::function<void()>& tick) {
  std::mutex mutex;
  std::condition_variable changed;
  bool done = false;
  absl::Status status;
  std::thread thread;
  {
    const SignalsBlocked blocked;
    thread = std::thread([&] {
      absl::Status result = task();
      const std::lock_guard lock(mutex);
      status = std::move(result);
      done = true;
      changed.notify_one();
    });
  }
  std::unique_lock lock(mutex);
  while (!changed.wait_for(lock, std::chrono::milliseconds(100), [&] { return done; })) {
    lock.unlock();
    tick();
    lock.lock();
  }
  lock.unlock();
  thread.join();
  tick();
  return status;
}

absl::Status RunEach(int threads, size_t count, Stop& stop, const std::function<absl::Status(size_t)>& task) {
  std::mutex mutex;
  absl::Status first;
  std::atomic<size_t> next = 0;
  const auto work = [&] {
    for (size_t index = next++; index < count && !stop.IsSet(); index = next++) {
      const absl::Status status = task(index);
      if (status.ok()) continue;
      const std::lock_guard lock(mutex);
      if (first.ok()) first = status;
      stop.SetFailed();
    }
  };
  std::vector<std::thread> crew;
  for (size_t i = 1; i < std::min<size_t>(threads, count); ++i) crew.emplace_back(work);
  work();
  for (std::thread& thread : crew) thread.join();
  return first.ok() ? stop.Check() : first;
}

}  // namespace wslm::oci::registry
