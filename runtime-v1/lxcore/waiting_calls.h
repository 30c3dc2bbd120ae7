// Calls that wait for a socket, and that lxcore must do itself once there is something: recvmsg(2) of senders' ids. The
// receiver never waits for them; it is called again. As on Linux, a signal ends the wait.
#ifndef WSLM_RUNTIME_V1_LXCORE_WAITING_CALLS_H_
#define WSLM_RUNTIME_V1_LXCORE_WAITING_CALLS_H_

#include <linux/seccomp.h>
#include <pthread.h>

#include <atomic>
#include <chrono>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <vector>

#include "distros/host/unique_fd.h"
#include "runtime-v1/lxcore/call.h"
#include "runtime-v1/lxcore/kept_log.h"

namespace wslm::lxcore {

// Add and Take are the receiver's.
class WaitingCalls {
 public:
  // `proc`: the host's. `kept`, which may be null: where they are kept beyond this process. Outlives this.
  WaitingCalls(int proc, int listener, KeptLog* kept = nullptr);
  ~WaitingCalls();
  WaitingCalls(const WaitingCalls&) = delete;
  WaitingCalls& operator=(const WaitingCalls&) = delete;

  // First call, by the thread that is to be woken from waiting for notifications.
  void SetReceiver();
  // `call` waits until `socket`, a copy of the caller's, has something to read; since it began to wait for at most
  // `patience` (zero: for ever). False: it has waited as long already.
  bool Add(const Call& call, UniqueFd socket, std::chrono::microseconds patience);
  // Those that are due, to be handled again.
  std::vector<seccomp_notif> Take();
  // One of them is being handled.
  void Forget(uint64_t id);
  // Those of an earlier lxcore, to be handled anew.
  std::vector<seccomp_notif> TakeLeft();

 private:
  using Clock = std::chrono::steady_clock;
  struct Waiting {
    seccomp_notif notification;
    UniqueFd socket;
    Clock::time_point end;
    // A signal was there when it was looked at before.
    bool signalled = false;
  };
  void Run();
  // Sorts out those that are due, have a signal or are gone. Under the lock.
  void LookAll();
  bool HasSignal(pid_t tid) const;

  const int proc_;
  const int listener_;
  KeptLog* const kept_;
  UniqueFd changed_;  // eventfd
  pthread_t receiver_ = {};
  // When the patience of calls ends, by their ids; the receiver's.
  std::unordered_map<uint64_t, Clock::time_point> ends_;
  std::mutex mutex_;
  std::vector<Waiting> waiting_;
  std::vector<seccomp_notif> due_;
  std::atomic<bool> any_due_ = false;
  std::atomic<bool> stop_ = false;
  // Started with the first that waits.
  std::thread thread_;
};

}  // namespace wslm::lxcore

#endif  // WSLM_RUNTIME_V1_LXCORE_WAITING_CALLS_H_
