// open(2), creat(2), openat2(2), truncate(2).
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "runtime-v1/lxcore/create.h"
#include "runtime-v1/lxcore/guest_memory.h"
#include "runtime-v1/lxcore/handlers.h"
#include "runtime-v1/lxcore/proc_files.h"

namespace wslm::lxcore {
namespace {

int WantedBy(uint64_t flags) {
  int wanted = 0;
  if ((flags & O_ACCMODE) != O_WRONLY) wanted |= R_OK;
  if ((flags & O_ACCMODE) != O_RDONLY) wanted |= W_OK;
  if (flags & O_TRUNC) wanted |= W_OK;
  return wanted;
}

bool MakesTemporary(uint64_t flags) { return (flags & O_TMPFILE) == O_TMPFILE; }

Reply Opened(int fd, uint64_t flags) {
  if (fd < 0) return Reply::Error(errno);
  return Reply::Descriptor(UniqueFd(fd), (flags & O_CLOEXEC) != 0);
}

// A device that the guest made: the host's node of the same number serves it, where the guest's /dev has one.
Reply OpenDevice(const Target& target, uint64_t flags) {
  const GuestAttributes& device = target.file.attributes;
  if (!S_ISCHR(device.mode)) return Reply::Error(ENXIO);
  static constexpr struct {
    unsigned major, minor;
    const char* name;
  } kNodes[] = {{1, 3, "/dev/null"},   {1, 5, "/dev/zero"},    {1, 7, "/dev/full"},
                {1, 8, "/dev/random"}, {1, 9, "/dev/urandom"}, {5, 2, "/dev/ptmx"}};
  for (const auto& node : kNodes) {
    if (node.major != major(device.rdev) || node.minor != minor(device.rdev)) continue;
    // Never waits: the guest may have put a fifo there.
    UniqueFd there(::open(node.name, O_PATH | O_CLOEXEC));
    struct stat found;
    if (!there || ::fstat(there.get(), &found) != 0 || !S_ISCHR(found.st_mode) || found.st_rdev != device.rdev) break;
    return Opened(::open(GuestFiles::OwnFdName(there.get()).c_str(),
                         static_cast<int>(flags & ~(O_CREAT | O_EXCL | O_TRUNC | O_NOFOLLOW)) | O_CLOEXEC | O_NOCTTY),
                  flags);
  }
  return Reply::Error(ENXIO);
}

// A new pseudo terminal belongs to who opens its master.
Reply OpenPtyMaster(Kernel& k, const Credentials& c, const Target& target, uint64_t flags) {
  UniqueFd master(::open(target.name.c_str(), static_cast<int>(flags) | O_CLOEXEC | O_NOCTTY));
  if (!master) return Reply::Error(errno);
  unsigned number;
  const std::string folder = SplitLast(target.name).folder;
  if (::ioctl(master.get(), TIOCGPTN, &number) == 0) {
    GuestFile slave;
    const std::string name = folder + "/" + std::to_string(number);
    if (k.files.Get(name, 0, slave) == 0 && slave.mount == MountKind::kDevpts) {
      GuestAttributes attributes = slave.attributes;
      attributes.mode = S_IFCHR | 0620;
      attributes.uid = c.fsuid;
      attributes.gid = 5;
      k.files.Set(name, 0, slave, attributes);
    }
  }
  return Reply::Descriptor(std::move(master), (flags & O_CLOEXEC) != 0);
}

// Whoever isn't root takes the set-id bits away by writing. Linux does it at the first write, lxcore when it is opened.
void ClearSetId(Kernel& k, const Credentials& c, const Target& target) {
  GuestAttributes attributes = target.file.attributes;
  if (!S_ISREG(attributes.mode) || !(attributes.mode & (S_ISUID | S_ISGID)) || c.Has(CAP_FSETID)) return;
  attributes.mode &= ~S_ISUID;
  if (attributes.mode & S_IXGRP) attributes.mode &= ~S_ISGID;
  k.files.Set(target.name, target.flags, target.file, attributes);
}

Reply OpenExisting(Kernel& k, const Call& call, const Credentials& c, const Target& target, uint64_t flags) {
  if ((flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL)) return Reply::Error(EEXIST);
  if (flags & O_PATH) return Reply::Continue();
  const GuestFile& file = target.file;
  const int wanted = WantedBy(flags);
  if (file.type() == S_IFLNK) return Reply::Continue();
  if (!c.IsFileRoot()) {
    if (!Kernel::Allowed(c, file, wanted)) return Reply::Error(EACCES);
    if ((flags & O_NOATIME) && file.mount == MountKind::kLxfs && c.fsuid != file.attributes.uid && !c.Has(CAP_FOWNER)) {
      return Reply::Error(EPERM);
    }
    if (wanted & W_OK) ClearSetId(k, c, target);
  }
  if (file.is_made_device()) return OpenDevice(target, flags);
  if (file.mount == MountKind::kProc) {
    ProcFile opened = OpenProcFile(k, call, target, flags);
    if (opened.error != 0) return Reply::Error(opened.error);
    if (opened.file) return Reply::Descriptor(std::move(opened.file), (flags & O_CLOEXEC) != 0);
  }
  if (file.mount == MountKind::kDevpts && !c.IsFileRoot() && file.type() == S_IFCHR &&
      file.attributes.rdev == makedev(5, 2)) {
    return OpenPtyMaster(k, c, target, flags);
  }
  return Reply::Continue();
}

Reply OpenNew(Kernel& k, const Call& call, const Credentials& c, const Target& target, uint64_t flags, uint32_t mode) {
  if (target.trailing_slash || !target.parent_known || !target.parent.is_directory()) return Reply::Continue();
  if (!c.IsFileRoot()) {
    if (int error = Kernel::MayChangeFolder(c, target)) return Reply::Error(error);
  }
  if (KernelKeepsOwners(target.parent)) return Reply::Continue();
  const GuestAttributes made = AttributesToMake(k, call, c, target, S_IFREG | (mode & 07777));
  if (KernelMakes(c, target.parent, made)) return Reply::Continue();
  const LxfsHostForm form = k.files.HostFormFor(target.parent, made);
  const int open_flags = static_cast<int>(flags) | O_EXCL | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY;
  // Made by an earlier lxcore, which didn't come to say so.
  const bool made_before = target.error == 0;
  if (!made_before) call.journal().Begin();
  UniqueFd fd(::open(target.name.c_str(), made_before ? open_flags & ~(O_CREAT | O_EXCL) : open_flags, form.host_mode));
  if (!fd) {
    // Something else made it meanwhile: what the guest asked for isn't new any more.
    return errno == EEXIST && !(flags & O_EXCL) ? Reply::Continue() : Reply::Error(errno);
  }
  if (int error = k.files.SetNew(GuestFiles::OwnFdName(fd.get()), 0, made)) {
    ::unlink(target.name.c_str());
    return Reply::Error(error);
  }
  return Reply::Descriptor(std::move(fd), (flags & O_CLOEXEC) != 0);
}

Reply OpenTemporary(Kernel& k, const Call& call, const Credentials& c, Target& target, uint64_t flags, uint32_t mode) {
  if (target.error != 0 || !target.file.is_directory()) return Reply::Continue();
  if (!Kernel::Allowed(c, target.file, W_OK | X_OK)) return Reply::Error(EACCES);
  if (KernelKeepsOwners(target.file)) return Reply::Continue();
  target.parent = target.file;
  const GuestAttributes made = AttributesToMake(k, call, c, target, S_IFREG | (mode & 07777));
  if (KernelMakes(c, target.parent, made)) return Reply::Continue();
  const LxfsHostForm form = k.files.HostFormFor(target.parent, made);
  UniqueFd fd(::open(target.name.c_str(), static_cast<int>(flags) | O_CLOEXEC, form.host_mode));
  if (!fd) return Reply::Error(errno);
  if (int error = k.files.SetNew(GuestFiles::OwnFdName(fd.get()), 0, made)) return Reply::Error(error);
  return Reply::Descriptor(std::move(fd), (flags & O_CLOEXEC) != 0);
}

Reply Open(Kernel& k, const Call& call, int folder, uint64_t path, uint64_t flags, uint32_t mode) {
  const Credentials& c = k.CredentialsOf(call);
  const bool creates = (flags & O_CREAT) != 0 && !(flags & O_PATH);
  const bool no_follow = (flags & O_NOFOLLOW) || (creates && (flags & O_EXCL));
  // Opening for writing may clear set-id bits; a temporary file is made by the name.
  const bool looks = !creates && !(WantedBy(flags) & W_OK) && !MakesTemporary(flags);
  Target target;
  const int options = (no_follow ? kNoFollow : 0) | (creates ? kWithParent : 0) | (looks ? kOnlyLook : 0);
  if (int error = k.Resolve(call, c, folder, path, options, target)) return Reply::Error(error);
  if (MakesTemporary(flags)) return OpenTemporary(k, call, c, target, flags, mode);
  if (target.error == 0 && !(creates && call.journal().MayHaveMade(target.file.host, S_IFREG))) {
    return OpenExisting(k, call, c, target, flags);
  }
  if ((target.error != ENOENT && target.error != 0) || !creates) return Reply::Continue();
  return OpenNew(k, call, c, target, flags, mode);
}

// Root's openat2 with flags that can only make the lookup fail: the kernel's, but for what is served in place of a
// file.
Reply OpenRestricted(Kernel& k, const Call& call, const Credentials& c, const open_how& how) {
  Target target;
  const int options = kOnlyLook | (how.flags & O_NOFOLLOW ? kNoFollow : 0);
  if (int error = k.Resolve(call, c, call.int_arg(0), call.arg(1), options, target)) return Reply::Error(error);
  if (target.error != 0 || target.file.mount != MountKind::kProc) return Reply::Continue();
  return OpenExisting(k, call, c, target, how.flags);
}

}  // namespace

Reply SysOpen(Kernel& k, const Call& call) {
  return Open(k, call, AT_FDCWD, call.arg(0), call.id_arg(1), call.id_arg(2));
}

Reply SysCreat(Kernel& k, const Call& call) {
  return Open(k, call, AT_FDCWD, call.arg(0), O_CREAT | O_WRONLY | O_TRUNC, call.id_arg(1));
}

Reply SysOpenAt(Kernel& k, const Call& call) {
  return Open(k, call, call.int_arg(0), call.arg(1), call.id_arg(2), call.id_arg(3));
}

Reply SysOpenAt2(Kernel& k, const Call& call) {
  open_how how = {};
  if (call.arg(3) < sizeof(how)) return Reply::Continue();
  if (int error = ReadGuest(call.tid(), call.arg(2), &how, sizeof(how))) return Reply::Error(error);
  const Credentials& c = k.CredentialsOf(call);
  if (how.resolve & RESOLVE_IN_ROOT) {
    // "/" and ".." mean something else in there, which no check here knows. Who uses it has another way.
    return c == Credentials{.groups = c.groups} ? Reply::Continue() : Reply::Error(ENOSYS);
  }
  if (how.resolve != 0 && c.IsFileRoot()) return OpenRestricted(k, call, c, how);
  return Open(k, call, call.int_arg(0), call.arg(1), how.flags, static_cast<uint32_t>(how.mode));
}

Reply SysTruncate(Kernel& k, const Call& call) {
  const Credentials& c = k.CredentialsOf(call);
  if (c.IsFileRoot()) return Reply::Continue();
  Target target;
  if (int error = k.Resolve(call, c, AT_FDCWD, call.arg(0), 0, target)) return Reply::Error(error);
  if (target.error != 0 || target.file.is_directory()) return Reply::Continue();
  if (!Kernel::Allowed(c, target.file, W_OK)) return Reply::Error(EACCES);
  ClearSetId(k, c, target);
  return Reply::Continue();
}

}  // namespace wslm::lxcore
