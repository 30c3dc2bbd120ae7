// A thread that does small things one after another, for callers that must not block.
#ifndef WSLM_RUNTIME_V2_HOST_WORKER_H_
#define WSLM_RUNTIME_V2_HOST_WORKER_H_

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

#include "absl/time/time.h"

namespace wslm {

// Thread-safe.
class Worker {
 public:
  // `idle` is called on the thread every `period`, whatever waits.
  Worker(absl::Duration period, std::function<void()> idle);
  // Does what was posted, then joins.
  ~Worker();

  void Post(std::function<void()> task);
  // Waits until all that was posted before is done. Not from a task.
  void Drain();

 private:
  void Run();

  const absl::Duration period_;
  const std::function<void()> idle_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> tasks_;
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace wslm

#endif  // WSLM_RUNTIME_V2_HOST_WORKER_H_
