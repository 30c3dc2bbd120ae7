// What is the whole system's: uname(2), reboot(2), modules, key rings, BPF; and what no kernel has any more.
#include <errno.h>

#include "runtime-v1/lxcore/syscalls/areas.h"

namespace wslm::lxcore {
namespace {

constexpr char kModules[] = "needs the host's root";
constexpr Remarks kHosts = {.missing = "always EPERM: needs the host's root"};
constexpr char kKeys[] = "key rings are the host user's; crun and runc go on where there are none";
constexpr char kPorts[] = "needs the host's root";
constexpr char kGone[] = "no kernel has it any more";
constexpr char kNever[] = "no kernel ever had it";

}  // namespace

SyscallArea SystemCalls() {
  return {"The system",
          {
              Native(63, "uname"),
              Native(99, "sysinfo"),
              Native(318, "getrandom"),
              Served(170, "sethostname", SysAdmin),
              Served(171, "setdomainname", SysAdmin),
              Served(169, "reboot", SysReboot, {.note = "ends the distro"}),
              Native(103, "syslog", {.missing = "root, too, reads and changes only what the host's user may"}),
              Refused(153, "vhangup", EPERM, kPorts),
              Refused(172, "iopl", EPERM, kPorts),
              Refused(173, "ioperm", EPERM, kPorts),
              Served(175, "init_module", SysHostsKernel, kHosts),
              Served(313, "finit_module", SysHostsKernel, kHosts),
              Served(176, "delete_module", SysHostsKernel, kHosts),
              Refused(246, "kexec_load", EPERM, kModules),
              Refused(320, "kexec_file_load", EPERM, kModules),
              Served(167, "swapon", SysHostsKernel, kHosts),
              Served(168, "swapoff", SysHostsKernel, kHosts),
              Refused(163, "acct", EPERM, kModules),
              Refused(321, "bpf", EPERM, "containers refuse it too"),
              Refused(298, "perf_event_open", EPERM, "would show other processes of the host's user"),
              Refused(212, "lookup_dcookie", EPERM, kModules),
              Refused(248, "add_key", ENOSYS, kKeys),
              Refused(249, "request_key", ENOSYS, kKeys),
              Refused(250, "keyctl", ENOSYS, kKeys),
              Refused(134, "uselib", ENOSYS, kGone),
              Refused(156, "_sysctl", ENOSYS, kGone),
              Refused(174, "create_module", ENOSYS, kGone),
              Refused(177, "get_kernel_syms", ENOSYS, kGone),
              Refused(178, "query_module", ENOSYS, kGone),
              Refused(180, "nfsservctl", ENOSYS, kGone),
              Refused(181, "getpmsg", ENOSYS, kNever),
              Refused(182, "putpmsg", ENOSYS, kNever),
              Refused(183, "afs_syscall", ENOSYS, kNever),
              Refused(184, "tuxcall", ENOSYS, kNever),
              Refused(185, "security", ENOSYS, kNever),
              Refused(236, "vserver", ENOSYS, kNever),
          }};
}

}  // namespace wslm::lxcore
