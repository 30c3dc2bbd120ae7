// chdir(2), chroot(2), mount(2), unshare(2), clone(2), sync(2): where a process is, and what is the whole distro's.
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/sched.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "distros/host/failpoint.h"
#include "runtime-v1/lxcore/drvfs_mount.h"
#include "runtime-v1/lxcore/guest_memory.h"
#include "runtime-v1/lxcore/handlers.h"
#include "runtime-v1/lxcore/sys_mount.h"

namespace wslm::lxcore {
namespace {

// The new process or thread may see other files under the same names.
constexpr uint64_t kNewViews = CLONE_NEWNS | CLONE_NEWUSER | CLONE_NEWPID;
constexpr uint64_t kPrivileged =
    CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWCGROUP;

Reply NewNamespaces(Kernel& k, const Call& call, uint64_t flags) {
  const Credentials& c = k.CredentialsOf(call);
  if ((flags & kPrivileged) && !(flags & CLONE_NEWUSER) && !c.HasHere(CAP_SYS_ADMIN)) return Reply::Error(EPERM);
  if (flags & CLONE_NEWUSER) {
    k.files.LearnDevices();
    if (int error = k.identities.AssignInOtherNamespace(call.tid(), InNewNamespace(c))) return Reply::Error(error);
  }
  if (flags & kNewViews) {
    k.paths.RootsDiffer();
    // Numbers of mounts that went with their namespace are used again.
    k.files.ForgetMounts();
  }
  return Reply::Continue();
}

Reply EnterFolder(Kernel& k, const Call& call, const Target& target) {
  const Credentials& c = k.CredentialsOf(call);
  if (target.error != 0 || !target.file.is_directory()) return Reply::Continue();
  return Kernel::Allowed(c, target.file, X_OK) ? Reply::Continue() : Reply::Error(EACCES);
}

// For who may not mount: what is the matter with the mount point comes first.
int ErrorWithoutRight(Kernel& k, const Call& call) {
  if (call.number() != SYS_mount && call.number() != SYS_umount2) return EPERM;
  Target target;
  const uint64_t path = call.arg(call.number() == SYS_mount ? 1 : 0);
  if (int error = k.Resolve(call, k.CredentialsOf(call), AT_FDCWD, path, kOnlyLook, target)) return error;
  return target.error != 0 && target.error != kElsewhere ? target.error : EPERM;
}

}  // namespace

Reply SysChdir(Kernel& k, const Call& call) {
  const Credentials& c = k.CredentialsOf(call);
  if (c.IsFileRoot()) return Reply::Continue();
  Target target;
  if (int error = k.Resolve(call, c, AT_FDCWD, call.arg(0), kOnlyLook, target)) return Reply::Error(error);
  return EnterFolder(k, call, target);
}

Reply SysFChdir(Kernel& k, const Call& call) {
  if (k.CredentialsOf(call).IsFileRoot()) return Reply::Continue();
  Target target;
  k.ResolveFd(call, call.int_arg(0), target);
  return EnterFolder(k, call, target);
}

Reply SysChroot(Kernel& k, const Call& call) {
  const Credentials& c = k.CredentialsOf(call);
  if (!c.IsFileRoot()) {
    Target target;
    if (int error = k.Resolve(call, c, AT_FDCWD, call.arg(0), kOnlyLook, target)) return Reply::Error(error);
    const bool is_folder = target.error == 0 && target.file.is_directory();
    if (is_folder && !Kernel::Allowed(c, target.file, X_OK)) return Reply::Error(EACCES);
    if (!is_folder && target.error != kElsewhere) return Reply::Continue();
  }
  if (!c.HasHere(CAP_SYS_CHROOT)) return Reply::Error(EPERM);
  k.paths.RootsDiffer();
  return Reply::Continue();
}

Reply SysSetNs(Kernel& k, const Call& call) {
  const Credentials c = k.CredentialsOf(call);
  if (!c.HasHere(CAP_SYS_ADMIN)) return Reply::Error(EPERM);
  char name[64];
  const ssize_t size = ::readlink(GuestPaths::BaseOf(call.tid(), call.int_arg(0)).c_str(), name, sizeof(name));
  const std::string_view space(name, size > 0 ? size : 0);
  // Either of one namespace, or of a process several of whose are meant.
  if (space.starts_with("user:") || (call.int_arg(1) & CLONE_NEWUSER)) {
    if (int error = k.identities.AssignInOtherNamespace(call.tid(), InNewNamespace(c))) return Reply::Error(error);
  }
  k.paths.RootsDiffer();
  k.files.ForgetMounts();
  return Reply::Continue();
}

Reply SysMountLike(Kernel& k, const Call& call) {
  if (!k.CredentialsOf(call).HasHere(CAP_SYS_ADMIN)) return Reply::Error(ErrorWithoutRight(k, call));
  k.paths.RootsDiffer();
  k.files.ForgetMounts();
  // Known before the kernel does it: once it is there, looking for it is too late.
  if (call.number() == SYS_mount || call.number() == SYS_fsopen) {
    std::string type;
    const uint64_t address = call.arg(call.number() == SYS_mount ? 2 : 0);
    if (address != 0 && ReadGuestString(call.tid(), address, NAME_MAX, type) == 0) {
      if (IsForeignType(type)) k.files.ExpectForeignMounts();
      if (IsOnBlockDevices(type)) k.limits.Reached(call, Limit::kBlockDevices);
      // Without the new calls, mount(8) takes the old one.
      if (type == "drvfs") return call.number() == SYS_mount ? MountDrvfs(k, call) : Reply::Error(ENOSYS);
    }
  }
  return call.number() == SYS_mount ? MountWithIds(k, call) : Reply::Continue();
}

Reply SysUnshare(Kernel& k, const Call& call) { return NewNamespaces(k, call, call.arg(0)); }
Reply SysClone(Kernel& k, const Call& call) { return NewNamespaces(k, call, call.arg(0)); }

Reply SysClone3(Kernel& k, const Call& call) {
  uint64_t flags = 0;
  if (int error = ReadGuest(call.tid(), call.arg(0), &flags, sizeof(flags))) return Reply::Error(error);
  return NewNamespaces(k, call, flags);
}

Reply SysAdmin(Kernel& k, const Call& call) {
  return k.CredentialsOf(call).HasHere(CAP_SYS_ADMIN) ? Reply::Continue() : Reply::Error(EPERM);
}

Reply SysReboot(Kernel& k, const Call& call) {
  return k.CredentialsOf(call).HasHere(CAP_SYS_BOOT) ? Reply::Continue() : Reply::Error(EPERM);
}

Reply SysSync(Kernel& k, const Call& call) {
  Failpoint("lxcore.sync").IgnoreError();
  return Reply::Work([&k, number = call.number()] {
    const int error = k.flush();
    return error != 0 && number == SYS_syncfs ? Reply::Error(error) : Reply::Continue();
  });
}

}  // namespace wslm::lxcore
