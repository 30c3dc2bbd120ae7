// The handlers of notified system calls, one file per area of the manual. Each answers for one call; syscalls/ says
// which call goes where. They run on one thread, and none blocks.
#ifndef WSLM_RUNTIME_V1_LXCORE_HANDLERS_H_
#define WSLM_RUNTIME_V1_LXCORE_HANDLERS_H_

#include "runtime-v1/lxcore/call.h"
#include "runtime-v1/lxcore/kernel.h"

namespace wslm::lxcore {

using Handler = Reply (*)(Kernel&, const Call&);

// sys_credentials.cc
Reply SysGetUid(Kernel&, const Call&);
Reply SysGetGid(Kernel&, const Call&);
Reply SysGetEUid(Kernel&, const Call&);
Reply SysGetEGid(Kernel&, const Call&);
Reply SysGetResUid(Kernel&, const Call&);
Reply SysGetResGid(Kernel&, const Call&);
Reply SysSetUid(Kernel&, const Call&);
Reply SysSetGid(Kernel&, const Call&);
Reply SysSetReUid(Kernel&, const Call&);
Reply SysSetReGid(Kernel&, const Call&);
Reply SysSetResUid(Kernel&, const Call&);
Reply SysSetResGid(Kernel&, const Call&);
Reply SysSetFsUid(Kernel&, const Call&);
Reply SysSetFsGid(Kernel&, const Call&);
Reply SysGetGroups(Kernel&, const Call&);
Reply SysSetGroups(Kernel&, const Call&);
Reply SysCapGet(Kernel&, const Call&);
Reply SysCapSet(Kernel&, const Call&);
Reply SysPrctl(Kernel&, const Call&);
Reply SysSeccomp(Kernel&, const Call&);
// What takes no_new_privs or CAP_SYS_ADMIN, for set-id programs to trust what they see.
Reply SysRestrictSelf(Kernel&, const Call&);

// sys_descriptors.cc
Reply SysFcntl(Kernel&, const Call&);
Reply SysIoctl(Kernel&, const Call&);

// sys_stat.cc
Reply SysStat(Kernel&, const Call&);
Reply SysLStat(Kernel&, const Call&);
Reply SysFStat(Kernel&, const Call&);
Reply SysNewFStatAt(Kernel&, const Call&);
Reply SysStatX(Kernel&, const Call&);
Reply SysReadLink(Kernel&, const Call&);
Reply SysReadLinkAt(Kernel&, const Call&);
Reply SysAccess(Kernel&, const Call&);
Reply SysFAccessAt(Kernel&, const Call&);
Reply SysFAccessAt2(Kernel&, const Call&);
Reply SysStatFs(Kernel&, const Call&);
Reply SysNameToHandleAt(Kernel&, const Call&);
Reply SysInotifyAddWatch(Kernel&, const Call&);
Reply SysFanotifyMark(Kernel&, const Call&);

// sys_open.cc
Reply SysOpen(Kernel&, const Call&);
Reply SysCreat(Kernel&, const Call&);
Reply SysOpenAt(Kernel&, const Call&);
Reply SysOpenAt2(Kernel&, const Call&);
Reply SysTruncate(Kernel&, const Call&);

// sys_attributes.cc
Reply SysChmod(Kernel&, const Call&);
Reply SysFChmod(Kernel&, const Call&);
Reply SysFChmodAt(Kernel&, const Call&);
Reply SysFChmodAt2(Kernel&, const Call&);
Reply SysChown(Kernel&, const Call&);
Reply SysLChown(Kernel&, const Call&);
Reply SysFChown(Kernel&, const Call&);
Reply SysFChownAt(Kernel&, const Call&);
Reply SysUTime(Kernel&, const Call&);
Reply SysUTimes(Kernel&, const Call&);
Reply SysFUTimesAt(Kernel&, const Call&);
Reply SysUTimeNsAt(Kernel&, const Call&);

// sys_make.cc
Reply SysMkdir(Kernel&, const Call&);
Reply SysMkdirAt(Kernel&, const Call&);
Reply SysMknod(Kernel&, const Call&);
Reply SysMknodAt(Kernel&, const Call&);
Reply SysSymlink(Kernel&, const Call&);
Reply SysSymlinkAt(Kernel&, const Call&);
Reply SysLink(Kernel&, const Call&);
Reply SysLinkAt(Kernel&, const Call&);

// sys_remove.cc
Reply SysRename(Kernel&, const Call&);
Reply SysRenameAt(Kernel&, const Call&);
Reply SysUnlink(Kernel&, const Call&);
Reply SysUnlinkAt(Kernel&, const Call&);
Reply SysRmdir(Kernel&, const Call&);

// sys_xattr.cc
Reply SysGetXattr(Kernel&, const Call&);
Reply SysLGetXattr(Kernel&, const Call&);
Reply SysFGetXattr(Kernel&, const Call&);
Reply SysSetXattr(Kernel&, const Call&);
Reply SysLSetXattr(Kernel&, const Call&);
Reply SysFSetXattr(Kernel&, const Call&);
Reply SysListXattr(Kernel&, const Call&);
Reply SysLListXattr(Kernel&, const Call&);
Reply SysFListXattr(Kernel&, const Call&);
Reply SysRemoveXattr(Kernel&, const Call&);
Reply SysLRemoveXattr(Kernel&, const Call&);
Reply SysFRemoveXattr(Kernel&, const Call&);

// sys_exec.cc
Reply SysExecve(Kernel&, const Call&);
Reply SysExecveAt(Kernel&, const Call&);

// sys_where.cc
Reply SysChdir(Kernel&, const Call&);
Reply SysFChdir(Kernel&, const Call&);
Reply SysChroot(Kernel&, const Call&);
// What root (CAP_SYS_ADMIN) may do to mounts.
Reply SysMountLike(Kernel&, const Call&);
Reply SysSetNs(Kernel&, const Call&);
Reply SysUnshare(Kernel&, const Call&);
Reply SysClone(Kernel&, const Call&);
Reply SysClone3(Kernel&, const Call&);
// What CAP_SYS_ADMIN or CAP_SYS_BOOT may do and the kernel then does.
Reply SysAdmin(Kernel&, const Call&);
Reply SysReboot(Kernel&, const Call&);
Reply SysSync(Kernel&, const Call&);

// sys_processes.cc
Reply SysKill(Kernel&, const Call&);
Reply SysTKill(Kernel&, const Call&);
Reply SysTgKill(Kernel&, const Call&);
Reply SysSigQueueInfo(Kernel&, const Call&);
Reply SysPidfdSendSignal(Kernel&, const Call&);
// Calls whose first argument is a process to look into or to change.
Reply SysTraceProcess(Kernel&, const Call&);
Reply SysPTrace(Kernel&, const Call&);
Reply SysChangeProcess(Kernel&, const Call&);
// Calls whose first argument is a pidfd of a process to look into.
Reply SysTracePidfd(Kernel&, const Call&);
Reply SysKcmp(Kernel&, const Call&);

// sys_priority.cc
Reply SysSetPriority(Kernel&, const Call&);
Reply SysGetPriority(Kernel&, const Call&);
Reply SysIoprioSet(Kernel&, const Call&);
Reply SysIoprioGet(Kernel&, const Call&);

// sys_ipc.cc
Reply SysShmGet(Kernel&, const Call&);
Reply SysShmAt(Kernel&, const Call&);
Reply SysShmCtl(Kernel&, const Call&);
Reply SysSemGet(Kernel&, const Call&);
Reply SysSemOp(Kernel&, const Call&);
Reply SysSemCtl(Kernel&, const Call&);
Reply SysMsgGet(Kernel&, const Call&);
Reply SysMsgSnd(Kernel&, const Call&);
Reply SysMsgRcv(Kernel&, const Call&);
Reply SysMsgCtl(Kernel&, const Call&);

// sys_mqueue.cc
Reply SysMqOpen(Kernel&, const Call&);
Reply SysMqUnlink(Kernel&, const Call&);

// sys_sockets.cc
Reply SysBind(Kernel&, const Call&);
Reply SysConnect(Kernel&, const Call&);
Reply SysGetSockOpt(Kernel&, const Call&);
Reply SysSendTo(Kernel&, const Call&);
Reply SysSendMsg(Kernel&, const Call&);
Reply SysSendMMsg(Kernel&, const Call&);
Reply SysListen(Kernel&, const Call&);

// sys_limits.cc
Reply SysSocket(Kernel&, const Call&);
// What only the host's root may do to its kernel: EPERM.
Reply SysHostsKernel(Kernel&, const Call&);

// sys_receive.cc
Reply SysRecvMsg(Kernel&, const Call&);
Reply SysRecvMMsg(Kernel&, const Call&);

}  // namespace wslm::lxcore

#endif  // WSLM_RUNTIME_V1_LXCORE_HANDLERS_H_
