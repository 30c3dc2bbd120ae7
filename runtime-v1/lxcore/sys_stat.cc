// stat(2), statx(2), readlink(2), access(2), statfs(2), inotify(7): asking about files.
#include <errno.h>
#include <fcntl.h>
#include <linux/stat.h>
#include <sys/fanotify.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "runtime-v1/lxcore/guest_memory.h"
#include "runtime-v1/lxcore/handlers.h"
#include "runtime-v1/lxcore/walk.h"

namespace wslm::lxcore {
namespace {

struct stat StatOf(const GuestFile& file) {
  const struct statx& x = file.host;
  struct stat s = {};
  s.st_dev = makedev(x.stx_dev_major, x.stx_dev_minor);
  s.st_ino = x.stx_ino;
  s.st_nlink = x.stx_nlink;
  s.st_mode = file.attributes.mode;
  s.st_uid = file.attributes.uid;
  s.st_gid = file.attributes.gid;
  s.st_rdev = file.attributes.rdev;
  s.st_size = static_cast<off_t>(x.stx_size);
  s.st_blksize = x.stx_blksize;
  s.st_blocks = static_cast<blkcnt_t>(x.stx_blocks);
  s.st_atim = {x.stx_atime.tv_sec, x.stx_atime.tv_nsec};
  s.st_mtim = {x.stx_mtime.tv_sec, x.stx_mtime.tv_nsec};
  s.st_ctim = {x.stx_ctime.tv_sec, x.stx_ctime.tv_nsec};
  return s;
}

// The native answer is right unless there is something to add. Errors are the kernel's to give, too.
bool KernelAnswers(const Target& target) { return target.error != 0 || !target.file.differs; }

// Owners as the caller's user namespace shows them.
void ShowOwners(Kernel& k, const Call& call, Target& target) {
  if (target.error != 0 || !k.CredentialsOf(call).nested) return;
  target.file.attributes.uid = k.ShownUid(call, target.file.attributes.uid);
  target.file.attributes.gid = k.ShownGid(call, target.file.attributes.gid);
  target.file.differs = true;
}

Reply AnswerStat(Kernel& k, const Call& call, Target& target, uint64_t buffer) {
  ShowOwners(k, call, target);
  if (KernelAnswers(target)) return Reply::Continue();
  const struct stat s = StatOf(target.file);
  return Reply::Error(WriteGuest(call.tid(), buffer, &s, sizeof(s)));
}

Reply StatPath(Kernel& k, const Call& call, int folder, uint64_t path, int options, uint64_t buffer) {
  Target target;
  if (int error = k.Resolve(call, k.CredentialsOf(call), folder, path, options | kOnlyLook, target))
    return Reply::Error(error);
  return AnswerStat(k, call, target, buffer);
}

int OptionsOf(int at_flags) {
  return (at_flags & AT_SYMLINK_NOFOLLOW ? kNoFollow : 0) | (at_flags & AT_EMPTY_PATH ? kEmptyPath : 0);
}

bool HasOtherFlags(int at_flags, int known) { return (at_flags & ~(known | AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)) != 0; }

Reply ReadLink(Kernel& k, const Call& call, int folder, uint64_t path, int room, int options) {
  const Credentials& c = k.CredentialsOf(call);
  if (c.IsFileRoot() || room <= 0) return Reply::Continue();
  Target target;
  if (int error = k.Resolve(call, c, folder, path, kNoFollow | kOnlyLook | options, target)) return Reply::Error(error);
  if (target.error == 0 && !MayFollowProcLink(c, target.base, target.name, target.file)) return Reply::Error(EACCES);
  return Reply::Continue();
}

Reply Access(Kernel& k, const Call& call, int folder, uint64_t path, int mode, int flags) {
  const Credentials& own = k.CredentialsOf(call);
  const Credentials c = flags & AT_EACCESS ? own : RealIdentity(own);
  // For root the host's x bits are right, and so is its yes to everything else.
  if (c.IsFileRoot() || (mode & ~(R_OK | W_OK | X_OK)) != 0 || HasOtherFlags(flags, AT_EACCESS))
    return Reply::Continue();
  Target target;
  if (int error = k.Resolve(call, c, folder, path, OptionsOf(flags) | kOnlyLook, target)) return Reply::Error(error);
  if (target.error != 0 || mode == F_OK) return Reply::Continue();
  if (!Kernel::Allowed(c, target.file, mode)) return Reply::Error(EACCES);
  return Reply::Continue();
}

// What needs the right to `wanted`, and to search the folders on the way; the kernel answers.
Reply Look(Kernel& k, const Call& call, int folder, uint64_t path, int options, int wanted, bool only_folders = false) {
  const Credentials& c = k.CredentialsOf(call);
  if (c.IsFileRoot()) return Reply::Continue();
  Target target;
  if (int error = k.Resolve(call, c, folder, path, options | kOnlyLook, target)) return Reply::Error(error);
  if (target.error != 0 || (only_folders && !target.file.is_directory())) return Reply::Continue();
  return Kernel::Allowed(c, target.file, wanted) ? Reply::Continue() : Reply::Error(EACCES);
}

}  // namespace

Reply SysStat(Kernel& k, const Call& call) { return StatPath(k, call, AT_FDCWD, call.arg(0), 0, call.arg(1)); }

Reply SysLStat(Kernel& k, const Call& call) { return StatPath(k, call, AT_FDCWD, call.arg(0), kNoFollow, call.arg(1)); }

Reply SysFStat(Kernel& k, const Call& call) {
  Target target;
  if (int error = k.ResolveFd(call, call.int_arg(0), target)) return Reply::Error(error);
  return AnswerStat(k, call, target, call.arg(1));
}

Reply SysNewFStatAt(Kernel& k, const Call& call) {
  if (HasOtherFlags(call.int_arg(3), AT_NO_AUTOMOUNT)) return Reply::Continue();
  return StatPath(k, call, call.int_arg(0), call.arg(1), OptionsOf(call.int_arg(3)), call.arg(2));
}

Reply SysStatX(Kernel& k, const Call& call) {
  if (HasOtherFlags(call.int_arg(2), AT_NO_AUTOMOUNT | AT_STATX_SYNC_TYPE) || (call.id_arg(3) & STATX__RESERVED) ||
      (call.int_arg(2) & AT_STATX_SYNC_TYPE) == AT_STATX_SYNC_TYPE) {
    return Reply::Continue();
  }
  Target target;
  if (int error = k.Resolve(call, k.CredentialsOf(call), call.int_arg(0), call.arg(1),
                            OptionsOf(call.int_arg(2)) | kOnlyLook, target)) {
    return Reply::Error(error);
  }
  ShowOwners(k, call, target);
  if (KernelAnswers(target)) return Reply::Continue();
  // Once more, with the fields and the synchronisation that the guest asks for.
  struct statx answer;
  const int sync = call.int_arg(2) & (AT_STATX_SYNC_TYPE | AT_NO_AUTOMOUNT);
  const unsigned mask = call.id_arg(3) | STATX_TYPE | STATX_MODE | STATX_UID | STATX_GID;
  if (::statx(AT_FDCWD, target.name.c_str(), target.flags | sync, mask, &answer) != 0) return Reply::Error(errno);
  const GuestAttributes& a = target.file.attributes;
  answer.stx_mode = static_cast<uint16_t>(a.mode);
  answer.stx_uid = a.uid;
  answer.stx_gid = a.gid;
  answer.stx_rdev_major = major(a.rdev);
  answer.stx_rdev_minor = minor(a.rdev);
  return Reply::Error(WriteGuest(call.tid(), call.arg(4), &answer, sizeof(answer)));
}

Reply SysReadLink(Kernel& k, const Call& call) { return ReadLink(k, call, AT_FDCWD, call.arg(0), call.int_arg(2), 0); }
Reply SysReadLinkAt(Kernel& k, const Call& call) {
  return ReadLink(k, call, call.int_arg(0), call.arg(1), call.int_arg(3), kEmptyPath);
}

Reply SysAccess(Kernel& k, const Call& call) { return Access(k, call, AT_FDCWD, call.arg(0), call.int_arg(1), 0); }
Reply SysFAccessAt(Kernel& k, const Call& call) {
  return Access(k, call, call.int_arg(0), call.arg(1), call.int_arg(2), 0);
}
Reply SysFAccessAt2(Kernel& k, const Call& call) {
  return Access(k, call, call.int_arg(0), call.arg(1), call.int_arg(2), call.int_arg(3));
}

Reply SysStatFs(Kernel& k, const Call& call) { return Look(k, call, AT_FDCWD, call.arg(0), 0, 0); }
Reply SysNameToHandleAt(Kernel& k, const Call& call) {
  const int flags = call.int_arg(4);
  const int options = (flags & AT_SYMLINK_FOLLOW ? 0 : kNoFollow) | (flags & AT_EMPTY_PATH ? kEmptyPath : 0);
  return Look(k, call, call.int_arg(0), call.arg(1), options, 0);
}
Reply SysInotifyAddWatch(Kernel& k, const Call& call) {
  const uint32_t mask = call.id_arg(2);
  return Look(k, call, AT_FDCWD, call.arg(1), mask & IN_DONT_FOLLOW ? kNoFollow : 0, R_OK, (mask & IN_ONLYDIR) != 0);
}
Reply SysFanotifyMark(Kernel& k, const Call& call) {
  const int options = (call.id_arg(1) & FAN_MARK_DONT_FOLLOW ? kNoFollow : 0) | (call.arg(4) == 0 ? kEmptyPath : 0);
  return Look(k, call, call.int_arg(3), call.arg(4), options, R_OK);
}

}  // namespace wslm::lxcore
