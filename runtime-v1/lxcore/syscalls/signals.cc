// signal(7).
#include "runtime-v1/lxcore/syscalls/areas.h"

namespace wslm::lxcore {
namespace {

constexpr Remarks kSenderIsRoot = {.missing = "si_uid of a signal is 0"};

}  // namespace

SyscallArea SignalCalls() {
  return {"Signals",
          {
              Served(62, "kill", SysKill),
              Served(200, "tkill", SysTKill),
              Served(234, "tgkill", SysTgKill),
              Served(129, "rt_sigqueueinfo", SysSigQueueInfo),
              Served(297, "rt_tgsigqueueinfo", SysTgKill),
              Served(424, "pidfd_send_signal", SysPidfdSendSignal),
              Native(13, "rt_sigaction", kSenderIsRoot),
              Native(14, "rt_sigprocmask"),
              Native(15, "rt_sigreturn"),
              Native(127, "rt_sigpending"),
              Native(128, "rt_sigtimedwait", kSenderIsRoot),
              Native(130, "rt_sigsuspend"),
              Native(131, "sigaltstack"),
              Native(282, "signalfd", kSenderIsRoot),
              Native(289, "signalfd4", kSenderIsRoot),
              Native(34, "pause"),
              Native(219, "restart_syscall"),
          }};
}

}  // namespace wslm::lxcore
