// chmod(2), chown(2), utimensat(2): changing what a file is.
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <utime.h>

#include "runtime-v1/lxcore/create.h"
#include "runtime-v1/lxcore/guest_memory.h"
#include "runtime-v1/lxcore/handlers.h"
#include "runtime-v1/lxcore/privileges.h"

namespace wslm::lxcore {
namespace {

int OptionsOf(int at_flags) {
  return (at_flags & AT_SYMLINK_NOFOLLOW ? kNoFollow : 0) | (at_flags & AT_EMPTY_PATH ? kEmptyPath : 0);
}

// Finds the file; a Reply when that already ends the call.
std::optional<Reply> Find(Kernel& k, const Call& call, int folder, uint64_t path, int options, Target& target) {
  if (int error = k.Resolve(call, k.CredentialsOf(call), folder, path, options, target)) return Reply::Error(error);
  if (target.error != 0) return Reply::Continue();
  return std::nullopt;
}

std::optional<Reply> FindFd(Kernel& k, const Call& call, Target& target) {
  k.ResolveFd(call, call.int_arg(0), target);
  if (target.error != 0 || IsPathOnly(call, call.int_arg(0))) return Reply::Continue();
  return std::nullopt;
}

// Flags that the kernel refuses.
bool HasOtherFlags(int at_flags) { return (at_flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)) != 0; }

bool IsOwner(const Credentials& c, const GuestFile& file) {
  return c.fsuid == file.attributes.uid || c.HasOver(CAP_FOWNER, file.attributes.uid) || file.is_everyones();
}

bool LeftToKernel(const GuestFile& file) {
  return file.mount == MountKind::kHost || file.mount == MountKind::kProc || file.mount == MountKind::kNone;
}

Reply Chmod(Kernel& k, const Call& call, const Target& target, uint32_t mode) {
  const Credentials& c = k.CredentialsOf(call);
  const GuestFile& file = target.file;
  if (LeftToKernel(file)) return Reply::Continue();
  if (file.type() == S_IFLNK) return Reply::Error(EOPNOTSUPP);
  if (!IsOwner(c, file)) return Reply::Error(EPERM);
  GuestAttributes wanted = file.attributes;
  wanted.mode = file.type() | (mode & 07777);
  if (!c.InGroup(wanted.gid) && !c.HasOver(CAP_FSETID, wanted.uid)) wanted.mode &= ~S_ISGID;
  const bool plain_now = file.mount == MountKind::kLxfs && !file.has_record && !file.differs;
  if (plain_now && IsPlainForm(wanted)) return Reply::Continue();
  AccessList list;
  if (int error = k.files.GetList(target.name, target.flags, file, kAccessListXattr, list)) return Reply::Error(error);
  if (!list.empty()) {
    ChangeMode(list, wanted.mode);
    const std::string value = EncodeAccessList(list);
    if (int error = k.files.SetKept(target.name, target.flags, file, kAccessListXattr, value)) {
      return Reply::Error(error);
    }
  }
  return Reply::Error(k.files.Set(target.name, target.flags, file, wanted));
}

// What has no name (pipes, sockets, memfds) keeps no owner, and nobody knows who made it: whoever it may be may give it
// to themselves, without effect.
Reply ChownNameless(const Credentials& c, const GuestFile& file, uint32_t uid, uint32_t gid) {
  if (c.HasOver(CAP_CHOWN, file.attributes.uid)) return Reply::Value(0);
  const bool to_self = (uid == kKeep || uid == c.fsuid) && (gid == kKeep || c.InGroup(gid));
  return Reply::Error(to_self ? 0 : EPERM);
}

Reply Chown(Kernel& k, const Call& call, const Target& target, uint32_t uid, uint32_t gid) {
  const Credentials& c = k.CredentialsOf(call);
  if (c.nested) {
    const std::optional<uint32_t> given_uid = k.GivenUid(call, uid), given_gid = k.GivenGid(call, gid);
    if (!given_uid || !given_gid) return Reply::Error(EINVAL);
    uid = *given_uid;
    gid = *given_gid;
  }
  const GuestFile& file = target.file;
  GuestAttributes wanted = file.attributes;
  if (uid != kKeep) wanted.uid = uid;
  if (gid != kKeep) wanted.gid = gid;
  if (file.mount == MountKind::kNone) return ChownNameless(c, file, uid, gid);
  if (LeftToKernel(file)) {
    const bool same = wanted.uid == file.attributes.uid && wanted.gid == file.attributes.gid;
    return same ? Reply::Value(0) : Reply::Error(EPERM);
  }
  if (file.is_everyones()) return Reply::Value(0);
  if (!c.HasOver(CAP_CHOWN, file.attributes.uid)) {
    const bool own = c.fsuid == file.attributes.uid;
    if (uid != kKeep && !(own && uid == file.attributes.uid)) return Reply::Error(EPERM);
    if (gid != kKeep && !(own && (c.InGroup(gid) || gid == file.attributes.gid))) return Reply::Error(EPERM);
  }
  if (!file.is_directory()) {
    wanted.mode = WithoutSetId(c, file.attributes);
    // Nothing else is asked for: to take them away is to change the mode.
    if (uid == kKeep && gid == kKeep && wanted.mode != file.attributes.mode && !IsOwner(c, file)) {
      return Reply::Error(EPERM);
    }
    if (int error = DropCapability(k, target)) return Reply::Error(error);
  }
  if (wanted == file.attributes) return Reply::Value(0);
  return Reply::Error(k.files.Set(target.name, target.flags, file, wanted));
}

// Whether utimensat(2) takes it.
bool IsValid(const timespec& time) {
  constexpr long kSecond = 1'000'000'000;
  return time.tv_nsec == UTIME_NOW || time.tv_nsec == UTIME_OMIT || (time.tv_nsec >= 0 && time.tv_nsec < kSecond);
}

// Times: to now needs the right to write, to anything else the owner. Invalid ones are the kernel's to refuse.
Reply Touch(Kernel& k, const Call& call, int folder, uint64_t path, int options, bool to_now, bool valid = true) {
  const Credentials& c = k.CredentialsOf(call);
  if (c.IsFileRoot()) return Reply::Continue();
  Target target;
  // futimens(3) gives a null path.
  if (auto done = Find(k, call, folder, path, options | kOnlyLook | (path == 0 ? kEmptyPath : 0), target)) {
    return std::move(*done);
  }
  if (!valid || LeftToKernel(target.file) || IsOwner(c, target.file)) return Reply::Continue();
  if (!to_now) return Reply::Error(EPERM);
  return Kernel::Allowed(c, target.file, W_OK) ? Reply::Continue() : Reply::Error(EACCES);
}

Reply TouchMicroseconds(Kernel& k, const Call& call, int folder, uint64_t path, uint64_t address) {
  timeval times[2] = {};
  if (int error = address == 0 ? 0 : ReadGuest(call.tid(), address, times, sizeof(times))) return Reply::Error(error);
  for (const timeval& time : times) {
    if (time.tv_usec < 0 || time.tv_usec >= 1'000'000) return Reply::Error(EINVAL);
  }
  return Touch(k, call, folder, path, 0, address == 0);
}

}  // namespace

Reply SysChmod(Kernel& k, const Call& call) {
  Target target;
  if (auto done = Find(k, call, AT_FDCWD, call.arg(0), 0, target)) return std::move(*done);
  return Chmod(k, call, target, call.id_arg(1));
}

Reply SysFChmod(Kernel& k, const Call& call) {
  Target target;
  if (auto done = FindFd(k, call, target)) return std::move(*done);
  return Chmod(k, call, target, call.id_arg(1));
}

Reply SysFChmodAt(Kernel& k, const Call& call) {
  Target target;
  if (auto done = Find(k, call, call.int_arg(0), call.arg(1), 0, target)) return std::move(*done);
  return Chmod(k, call, target, call.id_arg(2));
}

Reply SysFChmodAt2(Kernel& k, const Call& call) {
  if (HasOtherFlags(call.int_arg(3))) return Reply::Error(EINVAL);
  Target target;
  if (auto done = Find(k, call, call.int_arg(0), call.arg(1), OptionsOf(call.int_arg(3)), target)) {
    return std::move(*done);
  }
  return Chmod(k, call, target, call.id_arg(2));
}

Reply SysChown(Kernel& k, const Call& call) {
  Target target;
  if (auto done = Find(k, call, AT_FDCWD, call.arg(0), 0, target)) return std::move(*done);
  return Chown(k, call, target, call.id_arg(1), call.id_arg(2));
}

Reply SysLChown(Kernel& k, const Call& call) {
  Target target;
  if (auto done = Find(k, call, AT_FDCWD, call.arg(0), kNoFollow, target)) return std::move(*done);
  return Chown(k, call, target, call.id_arg(1), call.id_arg(2));
}

Reply SysFChown(Kernel& k, const Call& call) {
  Target target;
  if (auto done = FindFd(k, call, target)) return std::move(*done);
  return Chown(k, call, target, call.id_arg(1), call.id_arg(2));
}

Reply SysFChownAt(Kernel& k, const Call& call) {
  if (HasOtherFlags(call.int_arg(4))) return Reply::Error(EINVAL);
  Target target;
  if (auto done = Find(k, call, call.int_arg(0), call.arg(1), OptionsOf(call.int_arg(4)), target)) {
    return std::move(*done);
  }
  return Chown(k, call, target, call.id_arg(2), call.id_arg(3));
}

Reply SysUTime(Kernel& k, const Call& call) { return Touch(k, call, AT_FDCWD, call.arg(0), 0, call.arg(1) == 0); }

Reply SysUTimes(Kernel& k, const Call& call) { return TouchMicroseconds(k, call, AT_FDCWD, call.arg(0), call.arg(1)); }
Reply SysFUTimesAt(Kernel& k, const Call& call) {
  return TouchMicroseconds(k, call, call.int_arg(0), call.arg(1), call.arg(2));
}

Reply SysUTimeNsAt(Kernel& k, const Call& call) {
  const Credentials& c = k.CredentialsOf(call);
  if (c.IsFileRoot()) return Reply::Continue();
  bool to_now = call.arg(2) == 0, valid = true;
  if (!to_now) {
    timespec times[2];
    if (int error = ReadGuest(call.tid(), call.arg(2), times, sizeof(times))) return Reply::Error(error);
    to_now = times[0].tv_nsec == UTIME_NOW && times[1].tv_nsec == UTIME_NOW;
    valid = IsValid(times[0]) && IsValid(times[1]);
    if (times[0].tv_nsec == UTIME_OMIT && times[1].tv_nsec == UTIME_OMIT) return Reply::Continue();
  }
  if (HasOtherFlags(call.int_arg(3))) return Reply::Error(EINVAL);
  return Touch(k, call, call.int_arg(0), call.arg(1), OptionsOf(call.int_arg(3)), to_now, valid);
}

}  // namespace wslm::lxcore
