// clone(2), execve(2), wait(2), ptrace(2), prctl(2), getrlimit(2), seccomp(2).
#include <errno.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/prctl.h>

#include "runtime-v1/lxcore/syscalls/areas.h"

namespace wslm::lxcore {

SyscallArea ProcessCalls() {
  return {"Processes",
          {
              ServedIfAnyBit(56, "clone", SysClone, 0,
                             CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWCGROUP |
                                 CLONE_NEWUSER),
              Served(435, "clone3", SysClone3),
              Native(57, "fork"),
              Native(58, "vfork"),
              Served(59, "execve", SysExecve, {.missing = "programs of 32 bits are ENOEXEC"}),
              Served(322, "execveat", SysExecveAt, {.missing = "programs of 32 bits are ENOEXEC"}),
              Native(60, "exit"),
              Native(231, "exit_group"),
              Native(61, "wait4"),
              Native(247, "waitid", {.missing = "si_uid is 0"}),
              Native(39, "getpid"),
              Native(110, "getppid"),
              Native(186, "gettid"),
              Native(109, "setpgid"),
              Native(121, "getpgid"),
              Native(111, "getpgrp"),
              Native(112, "setsid"),
              Native(124, "getsid"),
              Native(434, "pidfd_open"),
              Served(438, "pidfd_getfd", SysTracePidfd),
              Served(101, "ptrace", SysPTrace),
              Served(310, "process_vm_readv", SysTraceProcess),
              Served(311, "process_vm_writev", SysTraceProcess),
              Served(312, "kcmp", SysKcmp),
              Served(274, "get_robust_list", SysTraceProcess),
              Native(273, "set_robust_list"),
              Native(448, "process_mrelease"),
              ServedIfOneOf(157, "prctl", SysPrctl, 0,
                            {PR_GET_KEEPCAPS, PR_SET_KEEPCAPS, PR_GET_SECUREBITS, PR_SET_SECUREBITS, PR_CAPBSET_READ,
                             PR_CAPBSET_DROP, PR_CAP_AMBIENT, PR_GET_NO_NEW_PRIVS, PR_SET_NO_NEW_PRIVS,
                             PR_GET_TIMERSLACK, PR_SET_TIMERSLACK, PR_SET_MM, PR_SET_SECCOMP},
                            {.missing = "PR_SET_MM is EPERM; a timer slack is taken and changes nothing"}),
              Native(158, "arch_prctl"),
              Native(135, "personality", {.missing = "a set-id exec leaves it as it is"}),
              ServedIfOneOf(317, "seccomp", SysSeccomp, 0, {SECCOMP_SET_MODE_FILTER},
                            {.missing = "SECCOMP_FILTER_FLAG_NEW_LISTENER is EBUSY"}),
              Native(444, "landlock_create_ruleset"),
              Native(445, "landlock_add_rule"),
              Served(446, "landlock_restrict_self", SysRestrictSelf),
              Native(459, "lsm_get_self_attr"),
              Native(460, "lsm_set_self_attr"),
              Native(461, "lsm_list_modules"),
              Native(97, "getrlimit"),
              Native(160, "setrlimit", {.missing = "a hard limit is never raised (EPERM)"}),
              ServedIfAnyBit(302, "prlimit64", SysChangeProcess, 0, ~0u,
                             {.missing = "a hard limit is never raised (EPERM)"}),
              Native(98, "getrusage"),
              Native(218, "set_tid_address"),
              Native(202, "futex"),
              Native(449, "futex_waitv"),
              Native(454, "futex_wake"),
              Native(455, "futex_wait"),
              Native(456, "futex_requeue"),
              Native(334, "rseq"),
              Native(324, "membarrier"),
              Native(154, "modify_ldt"),
              Refused(205, "set_thread_area", ENOSYS, "of 32-bit programs"),
              Refused(211, "get_thread_area", ENOSYS, "of 32-bit programs"),
              Native(335, "uretprobe", {.note = "of the kernel's own probes"}),
              Native(336, "uprobe", {.note = "of the kernel's own probes"}),
          }};
}

}  // namespace wslm::lxcore
