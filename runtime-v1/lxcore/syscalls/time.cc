// time(7).
#include "runtime-v1/lxcore/syscalls/areas.h"

namespace wslm::lxcore {
namespace {

constexpr Remarks kClock = {.missing = "always EPERM: the clock is the host's"};
constexpr Remarks kOnlyReads = {.missing = "setting the host's clock is EPERM"};

}  // namespace

SyscallArea TimeCalls() {
  return {"Time",
          {
              Native(201, "time"),
              Native(96, "gettimeofday"),
              Native(228, "clock_gettime"),
              Native(229, "clock_getres"),
              Native(35, "nanosleep"),
              Native(230, "clock_nanosleep"),
              Native(100, "times"),
              Native(36, "getitimer"),
              Native(38, "setitimer"),
              Native(37, "alarm"),
              Native(222, "timer_create"),
              Native(223, "timer_settime"),
              Native(224, "timer_gettime"),
              Native(225, "timer_getoverrun"),
              Native(226, "timer_delete"),
              Native(283, "timerfd_create"),
              Native(286, "timerfd_settime"),
              Native(287, "timerfd_gettime"),
              Native(159, "adjtimex", kOnlyReads),
              Native(305, "clock_adjtime", kOnlyReads),
              Served(164, "settimeofday", SysHostsKernel, kClock),
              Served(227, "clock_settime", SysHostsKernel, kClock),
          }};
}

}  // namespace wslm::lxcore
