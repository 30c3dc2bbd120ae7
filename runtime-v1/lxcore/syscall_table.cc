#include "runtime-v1/lxcore/syscall_table.h"

#include <errno.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#ifndef SYS_fchmodat2
#define SYS_fchmodat2 452
#endif
#ifndef SYS_setxattrat
#define SYS_setxattrat 463
#define SYS_getxattrat 464
#define SYS_listxattrat 465
#define SYS_removexattrat 466
#endif
#ifndef SYS_open_tree_attr
#define SYS_open_tree_attr 467
#endif
#ifndef SYS_file_getattr
#define SYS_file_getattr 468
#define SYS_file_setattr 469
#endif

namespace wslm::lxcore {
namespace {

SyscallRule Notify(int number, Handler handler) { return {.number = number, .handler = handler}; }
SyscallRule Refuse(int number, int error) {
  return {.number = number, .treatment = Treatment::kRefuse, .error = error};
}

std::vector<SyscallRule> MakeTable() {
  return {
      // credentials(7), capabilities(7)
      Notify(SYS_getuid, SysGetUid),
      Notify(SYS_getgid, SysGetGid),
      Notify(SYS_geteuid, SysGetEUid),
      Notify(SYS_getegid, SysGetEGid),
      Notify(SYS_getresuid, SysGetResUid),
      Notify(SYS_getresgid, SysGetResGid),
      Notify(SYS_setuid, SysSetUid),
      Notify(SYS_setgid, SysSetGid),
      Notify(SYS_setreuid, SysSetReUid),
      Notify(SYS_setregid, SysSetReGid),
      Notify(SYS_setresuid, SysSetResUid),
      Notify(SYS_setresgid, SysSetResGid),
      Notify(SYS_setfsuid, SysSetFsUid),
      Notify(SYS_setfsgid, SysSetFsGid),
      Notify(SYS_getgroups, SysGetGroups),
      Notify(SYS_setgroups, SysSetGroups),
      Notify(SYS_capget, SysCapGet),
      Notify(SYS_capset, SysCapSet),
      {.number = SYS_prctl,
       .treatment = Treatment::kNotifyIfOneOf,
       .handler = SysPrctl,
       .argument = 0,
       .values = {PR_GET_KEEPCAPS, PR_SET_KEEPCAPS, PR_GET_SECUREBITS, PR_SET_SECUREBITS, PR_CAPBSET_READ,
                  PR_CAPBSET_DROP, PR_CAP_AMBIENT, PR_GET_NO_NEW_PRIVS, PR_SET_NO_NEW_PRIVS, PR_GET_TIMERSLACK,
                  PR_SET_TIMERSLACK, PR_SET_MM}},
      // stat(2), access(2), readlink(2)
      Notify(SYS_stat, SysStat),
      Notify(SYS_lstat, SysLStat),
      Notify(SYS_fstat, SysFStat),
      Notify(SYS_newfstatat, SysNewFStatAt),
      Notify(SYS_statx, SysStatX),
      Notify(SYS_readlink, SysReadLink),
      Notify(SYS_readlinkat, SysReadLinkAt),
      Notify(SYS_access, SysAccess),
      Notify(SYS_faccessat, SysFAccessAt),
      Notify(SYS_faccessat2, SysFAccessAt2),
      // statfs(2), name_to_handle_at(2), inotify(7), fanotify(7)
      Notify(SYS_statfs, SysStatFs),
      Notify(SYS_name_to_handle_at, SysNameToHandleAt),
      Notify(SYS_inotify_add_watch, SysInotifyAddWatch),
      Notify(SYS_fanotify_mark, SysFanotifyMark),
      // open(2)
      Notify(SYS_open, SysOpen),
      Notify(SYS_creat, SysCreat),
      Notify(SYS_openat, SysOpenAt),
      Notify(SYS_openat2, SysOpenAt2),
      Notify(SYS_truncate, SysTruncate),
      // chmod(2), chown(2), utimensat(2)
      Notify(SYS_chmod, SysChmod),
      Notify(SYS_fchmod, SysFChmod),
      Notify(SYS_fchmodat, SysFChmodAt),
      Notify(SYS_fchmodat2, SysFChmodAt2),
      Notify(SYS_chown, SysChown),
      Notify(SYS_lchown, SysLChown),
      Notify(SYS_fchown, SysFChown),
      Notify(SYS_fchownat, SysFChownAt),
      Notify(SYS_utime, SysUTime),
      Notify(SYS_utimes, SysUTime),
      Notify(SYS_futimesat, SysFUTimesAt),
      Notify(SYS_utimensat, SysUTimeNsAt),
      // mkdir(2), mknod(2), symlink(2), link(2)
      Notify(SYS_mkdir, SysMkdir),
      Notify(SYS_mkdirat, SysMkdirAt),
      Notify(SYS_mknod, SysMknod),
      Notify(SYS_mknodat, SysMknodAt),
      Notify(SYS_symlink, SysSymlink),
      Notify(SYS_symlinkat, SysSymlinkAt),
      Notify(SYS_link, SysLink),
      Notify(SYS_linkat, SysLinkAt),
      // rename(2), unlink(2)
      Notify(SYS_rename, SysRename),
      Notify(SYS_renameat, SysRenameAt),
      Notify(SYS_renameat2, SysRenameAt),
      Notify(SYS_unlink, SysUnlink),
      Notify(SYS_unlinkat, SysUnlinkAt),
      Notify(SYS_rmdir, SysRmdir),
      // xattr(7)
      Notify(SYS_getxattr, SysGetXattr),
      Notify(SYS_lgetxattr, SysLGetXattr),
      Notify(SYS_fgetxattr, SysFGetXattr),
      Notify(SYS_setxattr, SysSetXattr),
      Notify(SYS_lsetxattr, SysLSetXattr),
      Notify(SYS_fsetxattr, SysFSetXattr),
      Notify(SYS_listxattr, SysListXattr),
      Notify(SYS_llistxattr, SysLListXattr),
      Notify(SYS_flistxattr, SysFListXattr),
      Notify(SYS_removexattr, SysRemoveXattr),
      Notify(SYS_lremovexattr, SysLRemoveXattr),
      Notify(SYS_fremovexattr, SysFRemoveXattr),
      // The newer forms of these: C libraries fall back.
      Refuse(SYS_setxattrat, ENOSYS),
      Refuse(SYS_getxattrat, ENOSYS),
      Refuse(SYS_listxattrat, ENOSYS),
      Refuse(SYS_removexattrat, ENOSYS),
      Refuse(SYS_file_getattr, ENOSYS),
      Refuse(SYS_file_setattr, ENOSYS),
      // execve(2)
      Notify(SYS_execve, SysExecve),
      Notify(SYS_execveat, SysExecveAt),
      // chdir(2), chroot(2), mount(2), namespaces(7)
      Notify(SYS_chdir, SysChdir),
      Notify(SYS_fchdir, SysFChdir),
      Notify(SYS_chroot, SysChroot),
      Notify(SYS_pivot_root, SysMountLike),
      Notify(SYS_mount, SysMountLike),
      Notify(SYS_umount2, SysMountLike),
      Notify(SYS_setns, SysMountLike),
      Notify(SYS_open_tree, SysMountLike),
      Notify(SYS_move_mount, SysMountLike),
      Notify(SYS_fsopen, SysMountLike),
      Notify(SYS_fsconfig, SysMountLike),
      Notify(SYS_fsmount, SysMountLike),
      Notify(SYS_fspick, SysMountLike),
      Notify(SYS_mount_setattr, SysMountLike),
      Notify(SYS_open_tree_attr, SysMountLike),
      Notify(SYS_unshare, SysUnshare),
      {.number = SYS_clone,
       .treatment = Treatment::kNotifyIfAnyBit,
       .handler = SysClone,
       .argument = 0,
       .values = {CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWCGROUP |
                  CLONE_NEWUSER}},
      Notify(SYS_clone3, SysClone3),
      Notify(SYS_sethostname, SysAdmin),
      Notify(SYS_setdomainname, SysAdmin),
      Notify(SYS_reboot, SysReboot),
      Notify(SYS_sync, SysSync),
      Notify(SYS_syncfs, SysSync),
      // kill(2), ptrace(2), setpriority(2)
      Notify(SYS_kill, SysKill),
      Notify(SYS_tkill, SysTKill),
      Notify(SYS_tgkill, SysTgKill),
      Notify(SYS_rt_sigqueueinfo, SysTKill),
      Notify(SYS_rt_tgsigqueueinfo, SysTgKill),
      Notify(SYS_pidfd_send_signal, SysPidfdSendSignal),
      Notify(SYS_ptrace, SysPTrace),
      Notify(SYS_process_vm_readv, SysTraceProcess),
      Notify(SYS_process_vm_writev, SysTraceProcess),
      Notify(SYS_kcmp, SysTraceProcess),
      Notify(SYS_pidfd_getfd, SysPidfdGetFd),
      Notify(SYS_prlimit64, SysChangeProcess),
      Notify(SYS_migrate_pages, SysTraceProcess),
      Notify(SYS_move_pages, SysTraceProcess),
      Notify(SYS_setpriority, SysSetPriority),
      {.number = SYS_getpriority,
       .treatment = Treatment::kNotifyIfOneOf,
       .handler = SysGetPriority,
       .argument = 0,
       .values = {PRIO_USER}},
      Notify(SYS_ioprio_set, SysIoprioSet),
      Notify(SYS_sched_setparam, SysChangeProcess),
      Notify(SYS_sched_setscheduler, SysChangeProcess),
      Notify(SYS_sched_setattr, SysChangeProcess),
      Notify(SYS_sched_setaffinity, SysChangeProcess),
      // unix(7)
      Notify(SYS_bind, SysBind),
      Notify(SYS_connect, SysConnect),
      // With an address: its length isn't 0.
      {.number = SYS_sendto,
       .treatment = Treatment::kNotifyIfAnyBit,
       .handler = SysSendTo,
       .argument = 5,
       .values = {UINT32_MAX}},
      Notify(SYS_sendmsg, SysSendMsg),
      Notify(SYS_sendmmsg, SysSendMMsg),
      {.number = SYS_getsockopt,
       .treatment = Treatment::kNotifyIfOneOf,
       .handler = SysGetSockOpt,
       .argument = 2,
       .values = {SO_PEERCRED}},
      // Refused as containers refuse them.
      Refuse(SYS_io_uring_setup, EPERM),
      Refuse(SYS_io_uring_enter, EPERM),
      Refuse(SYS_io_uring_register, EPERM),
      Refuse(SYS_bpf, EPERM),
      Refuse(SYS_perf_event_open, EPERM),
      Refuse(SYS_init_module, EPERM),
      Refuse(SYS_finit_module, EPERM),
      Refuse(SYS_delete_module, EPERM),
      Refuse(SYS_kexec_load, EPERM),
      Refuse(SYS_kexec_file_load, EPERM),
      Refuse(SYS_add_key, EPERM),
      Refuse(SYS_request_key, EPERM),
      Refuse(SYS_keyctl, EPERM),
      Refuse(SYS_open_by_handle_at, EPERM),
      Refuse(SYS_swapon, EPERM),
      Refuse(SYS_swapoff, EPERM),
      Refuse(SYS_acct, EPERM),
  };
}

}  // namespace

std::span<const SyscallRule> SyscallTable() {
  static const std::vector<SyscallRule>& table = *new std::vector<SyscallRule>(MakeTable());
  return table;
}

}  // namespace wslm::lxcore
