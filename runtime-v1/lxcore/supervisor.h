// The loop that receives a guest's system calls and answers them.
#ifndef WSLM_RUNTIME_V1_LXCORE_SUPERVISOR_H_
#define WSLM_RUNTIME_V1_LXCORE_SUPERVISOR_H_

#include <array>

#include "runtime-v1/lxcore/kernel.h"
#include "runtime-v1/lxcore/syscall_table.h"

namespace wslm::lxcore {

class Supervisor {
 public:
  // `listener`: of the filter.
  Supervisor(Kernel& kernel, int listener);

  // First call, on the thread that will Run: takes the root of the distro's first process. 0 or an errno.
  int Prepare(pid_t first_process);
  // Serves until no guest is left, or for ever where the kernel doesn't tell. The thread's root and
  // working folder change all the time. A single thread is fastest: idle receivers are woken for nothing.
  void Run();

 private:
  static constexpr int kMostNumber = 512;

  void Handle(const seccomp_notif& notification);
  void Answer(const seccomp_notif& notification, const Reply& reply);

  Kernel& kernel_;
  int listener_;
  std::array<Handler, kMostNumber> handlers_ = {};
};

}  // namespace wslm::lxcore

#endif  // WSLM_RUNTIME_V1_LXCORE_SUPERVISOR_H_
