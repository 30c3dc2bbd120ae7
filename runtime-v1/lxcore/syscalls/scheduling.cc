// sched(7), setpriority(2), ioprio_set(2), numa(7).
#include <sys/resource.h>

#include "runtime-v1/lxcore/syscalls/areas.h"

namespace wslm::lxcore {
namespace {

constexpr Remarks kNoRealTime = {.missing = "real-time policies, and what only the host's root may raise, are EPERM"};

}  // namespace

SyscallArea SchedulingCalls() {
  return {"Scheduling",
          {
              Native(24, "sched_yield"),
              Served(141, "setpriority", SysSetPriority, kNoRealTime),
              ServedIfOneOf(140, "getpriority", SysGetPriority, 0, {PRIO_USER}),
              Served(251, "ioprio_set", SysIoprioSet, kNoRealTime),
              ServedIfOneOf(252, "ioprio_get", SysIoprioGet, 0, {3 /* IOPRIO_WHO_USER */}),
              Served(142, "sched_setparam", SysChangeProcess, kNoRealTime),
              Native(143, "sched_getparam"),
              Served(144, "sched_setscheduler", SysChangeProcess, kNoRealTime),
              Native(145, "sched_getscheduler"),
              Native(146, "sched_get_priority_max"),
              Native(147, "sched_get_priority_min"),
              Native(148, "sched_rr_get_interval"),
              Served(203, "sched_setaffinity", SysChangeProcess),
              Native(204, "sched_getaffinity"),
              Served(314, "sched_setattr", SysChangeProcess, kNoRealTime),
              Native(315, "sched_getattr"),
              Native(309, "getcpu"),
              Native(237, "mbind"),
              Native(238, "set_mempolicy"),
              Native(239, "get_mempolicy"),
              Native(450, "set_mempolicy_home_node"),
              Served(256, "migrate_pages", SysTraceProcess),
              Served(279, "move_pages", SysTraceProcess),
          }};
}

}  // namespace wslm::lxcore
