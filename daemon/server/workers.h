// Threads for calls that may block. gRPC's own callback threads are few and must not.
//
//   workers.Run([=] { reactor->Finish(ToGrpcStatus(Work())); });
//
// Thread-safe.
#ifndef WSLM_DAEMON_SERVER_WORKERS_H_
#define WSLM_DAEMON_SERVER_WORKERS_H_

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "absl/time/time.h"

namespace wslm::daemon {

class Workers {
 public:
  // At most `limit` threads, each made when it is first needed; what comes beyond waits for its turn.
  explicit Workers(size_t limit = 64) : limit_(limit) {}
  // Runs what is waiting, then joins.
  ~Workers();
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  void Run(std::function<void()> task);
  // Waits till nothing runs or waits. False: something still does after `timeout`.
  bool WaitUntilIdle(absl::Duration timeout);

 private:
  void Loop();

  const size_t limit_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::condition_variable idle_changed_;
  std::deque<std::function<void()>> tasks_;
  std::vector<std::thread> threads_;
  size_t idle_ = 0;
  bool stopping_ = false;
};

}  // namespace wslm::daemon

#endif  // WSLM_DAEMON_SERVER_WORKERS_H_
