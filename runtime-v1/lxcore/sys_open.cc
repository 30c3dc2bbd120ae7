// open(2), creat(2), truncate(2).
#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cstdio>

#include "runtime-v1/lxcore/create.h"
#include "runtime-v1/lxcore/fast_path.h"
#include "runtime-v1/lxcore/handlers.h"
#include "runtime-v1/lxcore/open_target.h"
#include "runtime-v1/lxcore/privileges.h"
#include "runtime-v1/lxcore/proc_files.h"
#include "runtime-v1/lxcore/process_facts.h"

namespace wslm::lxcore {
namespace {

int WantedBy(uint64_t flags) {
  int wanted = 0;
  if ((flags & O_ACCMODE) != O_WRONLY) wanted |= R_OK;
  if ((flags & O_ACCMODE) != O_RDONLY) wanted |= W_OK;
  if (flags & O_TRUNC) wanted |= W_OK;
  return wanted;
}

Reply Opened(int fd, uint64_t flags) {
  if (fd < 0) return Reply::Error(errno);
  return Reply::Descriptor(UniqueFd(fd), (flags & O_CLOEXEC) != 0);
}

// UNIX98_PTY_SLAVE_MAJOR, of which there are eight.
constexpr unsigned kFirstTerminals = 136, kTerminalNumbers = 8;

// The pseudo terminal that controls a process; 0 where it has none. TTYs of the host's own: none.
dev_t TerminalOf(int proc, pid_t tid) {
  const std::string stat = ReadProcFile(proc, std::to_string(tid) + "/stat");
  int number = 0;
  // After the name, which may hold anything: state, parent, group, session, terminal.
  const size_t name_end = stat.rfind(')');
  if (name_end == std::string::npos || std::sscanf(stat.c_str() + name_end + 1, " %*c %*d %*d %*d %d", &number) != 1)
    return 0;
  const bool is_pseudo = major(number) >= kFirstTerminals && major(number) < kFirstTerminals + kTerminalNumbers;
  return is_pseudo ? static_cast<dev_t>(number) : 0;
}

// `name` in the guest's /dev, if it is the device `rdev`. Never waits: the guest may have put a fifo there.
int OpenNode(const std::string& name, dev_t rdev, int how) {
  const UniqueFd there(::open(name.c_str(), O_PATH | O_CLOEXEC));
  struct stat found;
  if (!there || ::fstat(there.get(), &found) != 0) return -1;
  if (!S_ISCHR(found.st_mode) || found.st_rdev != rdev) {
    errno = ENXIO;
    return -1;
  }
  return ::open(GuestFiles::OwnFdName(there.get()).c_str(), how & ~O_NOFOLLOW);
}

// A device that the guest made: the host's node of the same number serves it, where the guest's /dev has one.
Reply OpenDevice(Kernel& k, const Call& call, const Target& target, uint64_t flags) {
  const GuestAttributes& device = target.file.attributes;
  if (!S_ISCHR(device.mode)) {
    if (k.CredentialsOf(call).IsFileRoot()) k.limits.Reached(call, Limit::kBlockDevices);
    return Reply::Error(ENXIO);
  }
  const int how = static_cast<int>(flags & ~(O_CREAT | O_EXCL | O_TRUNC | O_NOATIME)) | O_CLOEXEC | O_NOCTTY;
  if (device.rdev == makedev(5, 0)) {
    const dev_t terminal = TerminalOf(k.proc, call.tid());
    if (terminal == 0) return Reply::Error(ENXIO);
    const unsigned number = (major(terminal) - kFirstTerminals) << 8 | minor(terminal);
    return Opened(OpenNode("/dev/pts/" + std::to_string(number), terminal, how), flags);
  }
  static constexpr struct {
    unsigned major, minor;
    const char* name;
  } kNodes[] = {{1, 3, "/dev/null"},   {1, 5, "/dev/zero"},    {1, 7, "/dev/full"},
                {1, 8, "/dev/random"}, {1, 9, "/dev/urandom"}, {5, 2, "/dev/ptmx"}};
  for (const auto& node : kNodes) {
    if (node.major != major(device.rdev) || node.minor != minor(device.rdev)) continue;
    return Opened(OpenNode(node.name, device.rdev, how), flags);
  }
  return Reply::Error(ENXIO);
}

// A new pseudo terminal belongs to who opens its master.
Reply OpenPtyMaster(Kernel& k, const Credentials& c, const Target& target, uint64_t flags) {
  UniqueFd master(::open(target.name.c_str(), static_cast<int>(flags) | O_CLOEXEC | O_NOCTTY));
  if (!master) return Reply::Error(errno);
  unsigned number;
  if (::ioctl(master.get(), TIOCGPTN, &number) == 0) {
    // /dev/ptmx is a link in most distros.
    for (const std::string& folder : {SplitLast(target.name).folder, std::string("/dev/pts")}) {
      GuestFile slave;
      const std::string name = folder + "/" + std::to_string(number);
      if (k.files.Get(name, 0, slave) != 0 || slave.mount != MountKind::kDevpts) continue;
      GuestAttributes attributes = slave.attributes;
      attributes.mode = S_IFCHR | 0620;
      attributes.uid = c.fsuid;
      attributes.gid = 5;
      k.files.Set(name, 0, slave, attributes);
      break;
    }
  }
  return Reply::Descriptor(std::move(master), (flags & O_CLOEXEC) != 0);
}

}  // namespace

Reply OpenExisting(Kernel& k, const Call& call, const Credentials& c, const Target& target, uint64_t flags) {
  if ((flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL)) return Reply::Error(EEXIST);
  if (flags & O_PATH) return Reply::Continue();
  const GuestFile& file = target.file;
  const int wanted = WantedBy(flags);
  if (file.type() == S_IFLNK) return Reply::Continue();
  // What can't be, whoever asks for it, comes before rights.
  const bool cannot_be = file.is_directory() ? (flags & O_CREAT) || (wanted & W_OK) : (flags & O_DIRECTORY) != 0;
  if (cannot_be) return Reply::Continue();
  if (!c.IsFileRoot()) {
    if (!Kernel::Allowed(c, file, wanted)) return Reply::Error(EACCES);
    if ((flags & O_NOATIME) && file.mount == MountKind::kLxfs && c.fsuid != file.attributes.uid && !c.Has(CAP_FOWNER)) {
      return Reply::Error(EPERM);
    }
  }
  if (wanted & W_OK) DropPrivileges(k, c, target);
  if (file.is_made_device()) return OpenDevice(k, call, target, flags);
  if (file.mount == MountKind::kProc) {
    ProcFile opened = OpenProcFile(k, call, target, flags);
    if (opened.error != 0) return Reply::Error(opened.error);
    if (opened.file) return Reply::Descriptor(std::move(opened.file), (flags & O_CLOEXEC) != 0);
  }
  if (file.mount == MountKind::kDevpts && file.type() == S_IFCHR && file.attributes.rdev == makedev(5, 2)) {
    return OpenPtyMaster(k, c, target, flags);
  }
  // As loaders open libraries.
  if (flags == (O_RDONLY | O_CLOEXEC)) {
    if (UniqueFd copy = k.fast_path.CopyFor(call, target.name, file); copy) {
      return Reply::Descriptor(std::move(copy), /*close_on_exec=*/true);
    }
  }
  return Reply::Continue();
}

Reply OpenNew(Kernel& k, const Call& call, const Credentials& c, const Target& target, uint64_t flags, uint32_t mode) {
  if (target.trailing_slash || !target.parent_known || !target.parent.is_directory()) return Reply::Continue();
  if (!c.IsFileRoot()) {
    if (int error = Kernel::MayChangeFolder(c, target)) return Reply::Error(error);
  }
  if (KernelKeepsOwners(target.parent)) return Reply::Continue();
  const NewFile made = WhatToMake(k, call, c, target, S_IFREG | (mode & 07777));
  if (KernelMakes(c, target.parent, made)) return Reply::Continue();
  const LxfsHostForm form = k.files.HostFormFor(target.parent, made.attributes, !made.lists.empty());
  const int open_flags = static_cast<int>(flags) | O_EXCL | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY;
  // Made by an earlier lxcore, which didn't come to say so.
  const bool made_before = target.error == 0;
  if (!made_before) call.journal().Begin();
  UniqueFd fd(::open(target.name.c_str(), made_before ? open_flags & ~(O_CREAT | O_EXCL) : open_flags, form.host_mode));
  if (!fd) {
    // Something else made it meanwhile: what the guest asked for isn't new any more.
    return errno == EEXIST && !(flags & O_EXCL) ? Reply::Continue() : Reply::Error(errno);
  }
  if (int error = k.files.SetNew(GuestFiles::OwnFdName(fd.get()), 0, made.attributes, made.lists)) {
    ::unlink(target.name.c_str());
    return Reply::Error(error);
  }
  return Reply::Descriptor(std::move(fd), (flags & O_CLOEXEC) != 0);
}

Reply OpenTemporary(Kernel& k, const Call& call, const Credentials& c, Target& target, uint64_t flags, uint32_t mode) {
  if (target.error != 0 || !target.file.is_directory() || !(WantedBy(flags) & W_OK)) return Reply::Continue();
  if (!Kernel::Allowed(c, target.file, W_OK | X_OK)) return Reply::Error(EACCES);
  if (KernelKeepsOwners(target.file)) return Reply::Continue();
  target.parent = target.file;
  target.parent_name = target.name;
  const NewFile made = WhatToMake(k, call, c, target, S_IFREG | (mode & 07777));
  if (KernelMakes(c, target.parent, made)) return Reply::Continue();
  const LxfsHostForm form = k.files.HostFormFor(target.parent, made.attributes, !made.lists.empty());
  UniqueFd fd(::open(target.name.c_str(), static_cast<int>(flags) | O_CLOEXEC, form.host_mode));
  if (!fd) return Reply::Error(errno);
  if (int error = k.files.SetNew(GuestFiles::OwnFdName(fd.get()), 0, made.attributes, made.lists))
    return Reply::Error(error);
  return Reply::Descriptor(std::move(fd), (flags & O_CLOEXEC) != 0);
}

Reply OpenPath(Kernel& k, const Call& call, int folder, uint64_t path, uint64_t flags, uint32_t mode) {
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
  // Loop devices are made by this one.
  if (target.error == ENOENT && target.name == "/dev/loop-control") k.limits.Reached(call, Limit::kBlockDevices);
  if ((target.error != ENOENT && target.error != 0) || !creates) return Reply::Continue();
  return OpenNew(k, call, c, target, flags, mode);
}

Reply SysOpen(Kernel& k, const Call& call) {
  return OpenPath(k, call, AT_FDCWD, call.arg(0), call.id_arg(1), call.id_arg(2));
}

Reply SysCreat(Kernel& k, const Call& call) {
  return OpenPath(k, call, AT_FDCWD, call.arg(0), O_CREAT | O_WRONLY | O_TRUNC, call.id_arg(1));
}

Reply SysOpenAt(Kernel& k, const Call& call) {
  return OpenPath(k, call, call.int_arg(0), call.arg(1), call.id_arg(2), call.id_arg(3));
}

Reply SysTruncate(Kernel& k, const Call& call) {
  if (static_cast<int64_t>(call.arg(1)) < 0) return Reply::Error(EINVAL);
  const Credentials& c = k.CredentialsOf(call);
  Target target;
  if (int error = k.Resolve(call, c, AT_FDCWD, call.arg(0), 0, target)) return Reply::Error(error);
  if (target.error != 0 || target.file.type() != S_IFREG) return Reply::Continue();
  if (!Kernel::Allowed(c, target.file, W_OK)) return Reply::Error(EACCES);
  DropPrivileges(k, c, target);
  return Reply::Continue();
}

}  // namespace wslm::lxcore
