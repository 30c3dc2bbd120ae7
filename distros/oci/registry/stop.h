// Why work on several threads ends early: the caller cancelled, or one thread failed.
#ifndef WSLM_DISTROS_OCI_REGISTRY_STOP_H_
#define WSLM_DISTROS_OCI_REGISTRY_STOP_H_

#include <atomic>
#include <chrono>
#include <functional>

#include "absl/status/status.h"
#include "distros/host/cancel.h"

namespace wslm::oci::registry {

// Thread-safe.
class Stop {
 public:
  // `cancel` may be null.
  explicit Stop(const CancelFlag* cancel) : cancel_(cancel) {}

  bool cancelled() const { return IsCancelled(cancel_); }
  bool IsSet() const { return failed_.load(std::memory_order_relaxed) || cancelled(); }
  void SetFailed() { failed_ = true; }

  // CANCELLED when set.
  absl::Status Check() const;
  // Sleeps; false when it was broken off, within 50 ms.
  bool Sleep(std::chrono::milliseconds time) const;

 private:
  const CancelFlag* const cancel_;
  std::atomic<bool> failed_ = false;
};

// Runs `task` on a thread of its own to which no signal comes (a peer that hangs up would send SIGPIPE), and calls
// `tick` every 100 ms, and once at the end, on this one.
absl::Status RunAside(const std::function<absl::Status()>& task, const std::function<void()>& tick);

// Runs `task` for 0…count-1 on at most `threads` threads. The first error sets `stop` and is returned, when the others
// have ended.
absl::Status RunEach(int threads, size_t count, Stop& stop, const std::function<absl::Status(size_t)>& task);

}  // namespace wslm::oci::registry

#endif  // WSLM_DISTROS_OCI_REGISTRY_STOP_H_
