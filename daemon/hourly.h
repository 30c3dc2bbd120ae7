// Work that comes back every hour, on a thread of its own, for the first time at once.
#ifndef WSLM_DAEMON_HOURLY_H_
#define WSLM_DAEMON_HOURLY_H_

#include <functional>
#include <thread>
#include <utility>

#include "absl/synchronization/notification.h"
#include "absl/time/time.h"

namespace wslm::daemon {

class Hourly {
 public:
  explicit Hourly(std::function<void()> work, absl::Duration pause = absl::Hours(1))
      : thread_([this, work = std::move(work), pause] {
          do {
            work();
          } while (!ended_.WaitForNotificationWithTimeout(pause));
        }) {}
  // Waits for the work that is being done.
  ~Hourly() {
    ended_.Notify();
    thread_.join();
  }
  Hourly(const Hourly&) = delete;
  Hourly& operator=(const Hourly&) = delete;

 private:
  absl::Notification ended_;
  std::thread thread_;
};

}  // namespace wslm::daemon

#endif  // WSLM_DAEMON_HOURLY_H_
