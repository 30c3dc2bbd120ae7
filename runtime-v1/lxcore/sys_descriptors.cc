// fcntl(2), ioctl(2): the few cases in which what one may do with an open file depends on who one is.
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/if_tun.h>
#include <linux/sockios.h>

#include "runtime-v1/lxcore/guest_memory.h"
#include "runtime-v1/lxcore/handlers.h"
#include "runtime-v1/lxcore/other_processes.h"
#include "runtime-v1/lxcore/sys_limits.h"

namespace wslm::lxcore {
namespace {

// Who shall get the signals of a file: a process, or a group when negative. Linux takes anybody, and when the signal is
// due doesn't send it to whom the setter may not signal. The host's kernel would send it.
Reply SetReceiver(Kernel& k, const Call& call, pid_t receiver) {
  const Credentials& c = k.CredentialsOf(call);
  if (receiver == 0 || c.Has(CAP_KILL)) return Reply::Continue();
  const auto may_signal = [&](const std::optional<Credentials>& owner) {
    return !owner || MaySignal(c, *owner, 0, false);
  };
  if (receiver > 0) return may_signal(OwnerOf(k, call, receiver)) ? Reply::Continue() : Reply::Value(0);
  if (int error = k.paths.EnterRootOf(call.tid())) return Reply::Error(error == kElsewhere ? EPERM : error);
  for (const std::string& pid : AllProcesses()) {
    if (RelativesOf(pid).group != -receiver) continue;
    if (!may_signal(k.identities.OfProcDirectory(AT_FDCWD, "/proc/" + pid))) return Reply::Value(0);
  }
  return Reply::Continue();
}

Reply SetReceiverAt(Kernel& k, const Call& call, uint64_t address) {
  pid_t receiver;
  if (int error = ReadGuest(call.tid(), address, &receiver, sizeof(receiver))) return Reply::Error(error);
  return SetReceiver(k, call, receiver);
}

// What only the file's owner may do.
Reply ForOwner(Kernel& k, const Call& call, int capability, int error) {
  const Credentials& c = k.CredentialsOf(call);
  if (c.IsFileRoot()) return Reply::Continue();
  Target target;
  k.ResolveFd(call, call.int_arg(0), target);
  const bool may = target.error != 0 || target.file.mount != MountKind::kLxfs ||
                   c.fsuid == target.file.attributes.uid || c.Has(capability);
  return may ? Reply::Continue() : Reply::Error(error);
}

}  // namespace

Reply SysFcntl(Kernel& k, const Call& call) {
  switch (call.int_arg(1)) {
    case F_SETOWN:
      return SetReceiver(k, call, call.int_arg(2));
    case F_SETOWN_EX: {
      f_owner_ex receiver;
      if (int error = ReadGuest(call.tid(), call.arg(2), &receiver, sizeof(receiver))) return Reply::Error(error);
      return SetReceiver(k, call, receiver.type == F_OWNER_PGRP ? -receiver.pid : receiver.pid);
    }
    case F_SETLEASE:
      return ForOwner(k, call, CAP_LEASE, EACCES);
    default:
      return Reply::Continue();
  }
}

Reply SysIoctl(Kernel& k, const Call& call) {
  switch (call.id_arg(1)) {
    case FIOSETOWN:
    case SIOCSPGRP:
      return SetReceiverAt(k, call, call.arg(2));
    case FS_IOC_SETFLAGS:
    case FS_IOC_FSSETXATTR:
      return ForOwner(k, call, CAP_FOWNER, EPERM);
    case SIOCSIFFLAGS:
    case SIOCSIFADDR:
    case SIOCADDRT:
    case TUNSETIFF:
      return ChangeInterface(k, call);
    default:
      return Reply::Continue();
  }
}

}  // namespace wslm::lxcore
