// The loop that receives a guest's system calls and answers them.
#ifndef WSLM_RUNTIME_V1_LXCORE_SUPERVISOR_H_
#define WSLM_RUNTIME_V1_LXCORE_SUPERVISOR_H_

#include <array>
#include <atomic>

#include "runtime-v1/lxcore/kernel.h"
#include "runtime-v1/lxcore/shared_state.h"
#include "runtime-v1/lxcore/syscall_table.h"
#include "runtime-v1/lxcore/thread_pool.h"

namespace wslm::lxcore {

class Supervisor {
 public:
  // `listener`: of the filter. `shared`: where calls are received, and where an earlier lxcore has left some.
  Supervisor(Kernel& kernel, int listener, SharedMemory& shared);

  // First call, on the thread that will Run: takes the root of the distro's first process. 0 or an errno.
  int Prepare(pid_t first_process);
  // Answers what an earlier lxcore left, then serves until no guest is left, or for ever where the kernel doesn't tell.
  // The thread's root and working folder change all the time. A single thread is fastest: idle receivers are woken for
  // nothing.
  void Run();
  // For a thread of its own: ends the process, so that another lxcore takes over, when one call has kept the receiver
  // from all others for ten seconds. It sleeps while no call comes.
  void Watch();

 private:
  static constexpr int kMostNumber = 512;

  // Takes calls up that an earlier lxcore didn't answer.
  void TakeOver();
  void TakeOverSlots();
  void HandleAgain(const seccomp_notif& notification);
  // The slot is free, or will be when the pool is done.
  void Handle(CallSlot& slot);
  Reply ReplyTo(const Call& call, Handler handler);
  void Answer(CallSlot& slot, const Reply& reply);
  void Answered(CallSlot& slot);
  CallSlot& FreeSlot();

  Kernel& kernel_;
  int listener_;
  SharedMemory& shared_;
  std::array<Handler, kMostNumber> handlers_ = {};
  // Counts the calls that the receiver has begun and ended: odd while it is at one.
  std::atomic<uint32_t> steps_ = 0;
  std::atomic<uint32_t> watcher_sleeps_ = 0;
  std::atomic<CallSlot*> current_ = nullptr;
  ThreadPool pool_;
};

}  // namespace wslm::lxcore

#endif  // WSLM_RUNTIME_V1_LXCORE_SUPERVISOR_H_
