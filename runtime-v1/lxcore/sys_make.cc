// mkdir(2), mknod(2), symlink(2), link(2): new names.
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <functional>

#include "runtime-v1/lxcore/create.h"
#include "runtime-v1/lxcore/guest_memory.h"
#include "runtime-v1/lxcore/handlers.h"
#include "runtime-v1/lxcore/sys_limits.h"

namespace wslm::lxcore {
namespace {

// A device is a socket on the host, and its number is in the record.
mode_t HostTypeOf(uint32_t mode) { return S_ISCHR(mode) || S_ISBLK(mode) ? S_IFSOCK : mode & S_IFMT; }

// Makes a name: checks, lets the kernel make what is plain, else calls `make` with the host's mode and keeps the owner.
Reply Make(Kernel& k, const Call& call, int folder, uint64_t path, uint32_t mode, uint64_t rdev,
           const std::function<int(const char* name, mode_t host_mode)>& make) {
  const Credentials& c = k.CredentialsOf(call);
  Target target;
  if (int error = k.Resolve(call, c, folder, path, kNoFollow | kWithParent, target)) return Reply::Error(error);
  const bool made_before = target.error == 0 && call.journal().MayHaveMade(target.file.host, HostTypeOf(mode));
  if (target.error == 0 && !made_before) return Reply::Error(EEXIST);
  if ((target.error != ENOENT && !made_before) || !target.parent_known || !target.parent.is_directory())
    return Reply::Continue();
  if (target.trailing_slash && !S_ISDIR(mode)) return Reply::Continue();
  if (!c.IsFileRoot()) {
    if (int error = Kernel::MayChangeFolder(c, target)) return Reply::Error(error);
  }
  // One of no number is a whiteout of overlays, which is everybody's to make.
  const bool is_whiteout = S_ISCHR(mode) && rdev == 0;
  if ((S_ISCHR(mode) || S_ISBLK(mode)) && !is_whiteout && !c.Has(CAP_MKNOD)) return Reply::Error(EPERM);
  if (S_ISDIR(mode) && target.parent.mount != MountKind::kLxfs) LookAtNewFolder(k, call, target.parent_name);
  if (KernelKeepsOwners(target.parent)) return Reply::Continue();
  const NewFile made = WhatToMake(k, call, c, target, mode, rdev);
  if (KernelMakes(c, target.parent, made)) return Reply::Continue();
  const LxfsHostForm form = k.files.HostFormFor(target.parent, made.attributes, !made.lists.empty());
  if (!made_before) {
    call.journal().Begin();
    if (make(target.name.c_str(), form.host_mode) != 0) return Reply::Error(errno);
  }
  if (int error = k.files.SetNew(target.name, AT_SYMLINK_NOFOLLOW, made.attributes, made.lists)) {
    ::unlinkat(AT_FDCWD, target.name.c_str(), S_ISDIR(mode) ? AT_REMOVEDIR : 0);
    return Reply::Error(error);
  }
  return Reply::Value(0);
}

Reply MakeFolder(Kernel& k, const Call& call, int folder, uint64_t path, uint32_t mode) {
  return Make(k, call, folder, path, S_IFDIR | (mode & 01777), 0,
              [](const char* name, mode_t host_mode) { return ::mkdir(name, host_mode); });
}

Reply MakeNode(Kernel& k, const Call& call, int folder, uint64_t path, uint32_t mode, uint64_t device) {
  if ((mode & S_IFMT) == 0) mode |= S_IFREG;
  const bool is_device = S_ISCHR(mode) || S_ISBLK(mode);
  if (!is_device && !S_ISREG(mode) && !S_ISFIFO(mode) && !S_ISSOCK(mode)) {
    return Reply::Error(S_ISDIR(mode) ? EPERM : EINVAL);
  }
  const mode_t host_type = HostTypeOf(mode);
  return Make(k, call, folder, path, mode & (S_IFMT | 07777), is_device ? device : 0,
              [host_type](const char* name, mode_t host_mode) { return ::mknod(name, host_type | host_mode, 0); });
}

Reply MakeLink(Kernel& k, const Call& call, uint64_t text_address, int folder, uint64_t path) {
  std::string text;
  if (int error = ReadGuestString(call.tid(), text_address, PATH_MAX, text)) return Reply::Error(error);
  if (text.empty()) return Reply::Error(ENOENT);
  return Make(k, call, folder, path, S_IFLNK | 0777, 0,
              [&text](const char* name, mode_t) { return ::symlink(text.c_str(), name); });
}

Reply Link(Kernel& k, const Call& call, int old_folder, uint64_t old_path, int new_folder, uint64_t new_path,
           int flags) {
  const Credentials& c = k.CredentialsOf(call);
  if (c.IsFileRoot()) return Reply::Continue();
  if (flags & ~(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH)) return Reply::Error(EINVAL);
  Target from, to;
  const int options = (flags & AT_SYMLINK_FOLLOW ? 0 : kNoFollow) | (flags & AT_EMPTY_PATH ? kEmptyPath : 0);
  if (int error = k.Resolve(call, c, old_folder, old_path, options | kOnlyLook, from)) return Reply::Error(error);
  if (from.error != 0) return Reply::Continue();
  if (int error = k.Resolve(call, c, new_folder, new_path, kNoFollow | kWithParent | kOnlyLook, to))
    return Reply::Error(error);
  if (to.error == 0) return Reply::Error(EEXIST);
  if (!to.parent_known) return Reply::Continue();
  // EXDEV comes before all rights.
  if (from.file.host.stx_mnt_id != to.parent.host.stx_mnt_id) return Reply::Continue();
  // protected_hardlinks, as every distro has it on; asked before the folder's rights.
  const GuestAttributes& a = from.file.attributes;
  const bool safe = S_ISREG(a.mode) && !(a.mode & S_ISUID) && (a.mode & (S_ISGID | S_IXGRP)) != (S_ISGID | S_IXGRP) &&
                    Kernel::Allowed(c, from.file, R_OK | W_OK);
  if (a.uid != c.fsuid && !safe && !c.Has(CAP_FOWNER) && from.file.mount == MountKind::kLxfs) {
    return Reply::Error(EPERM);
  }
  const int error = Kernel::MayChangeFolder(c, to);
  return error != 0 ? Reply::Error(error) : Reply::Continue();
}

}  // namespace

Reply SysMkdir(Kernel& k, const Call& call) { return MakeFolder(k, call, AT_FDCWD, call.arg(0), call.id_arg(1)); }
Reply SysMkdirAt(Kernel& k, const Call& call) {
  return MakeFolder(k, call, call.int_arg(0), call.arg(1), call.id_arg(2));
}
Reply SysMknod(Kernel& k, const Call& call) {
  return MakeNode(k, call, AT_FDCWD, call.arg(0), call.id_arg(1), call.id_arg(2));
}
Reply SysMknodAt(Kernel& k, const Call& call) {
  return MakeNode(k, call, call.int_arg(0), call.arg(1), call.id_arg(2), call.id_arg(3));
}
Reply SysSymlink(Kernel& k, const Call& call) { return MakeLink(k, call, call.arg(0), AT_FDCWD, call.arg(1)); }
Reply SysSymlinkAt(Kernel& k, const Call& call) { return MakeLink(k, call, call.arg(0), call.int_arg(1), call.arg(2)); }
Reply SysLink(Kernel& k, const Call& call) { return Link(k, call, AT_FDCWD, call.arg(0), AT_FDCWD, call.arg(1), 0); }
Reply SysLinkAt(Kernel& k, const Call& call) {
  return Link(k, call, call.int_arg(0), call.arg(1), call.int_arg(2), call.arg(3), call.int_arg(4));
}

}  // namespace wslm::lxcore
