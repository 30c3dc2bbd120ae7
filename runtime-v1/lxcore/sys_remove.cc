// rename(2), unlink(2), rmdir(2): names that go. Root's are the kernel's; a side store record of a file that is gone
// names an inode with a birth time that no other file can have.
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "runtime-v1/lxcore/handlers.h"

namespace wslm::lxcore {
namespace {

// With a slash at the end, as if it was a folder.
bool IsMisnamed(const Target& target) { return target.trailing_slash && !target.file.is_directory(); }

Reply Remove(Kernel& k, const Call& call, int folder, uint64_t path) {
  const Credentials& c = k.CredentialsOf(call);
  if (c.IsFileRoot()) return Reply::Continue();
  Target target;
  if (int error = k.Resolve(call, c, folder, path, kNoFollow | kWithParent | kOnlyLook, target))
    return Reply::Error(error);
  if (target.error != 0 || !target.parent_known || IsMisnamed(target)) return Reply::Continue();
  const int error = Kernel::MayRemove(c, target);
  return error != 0 ? Reply::Error(error) : Reply::Continue();
}

bool IsSame(const GuestFile& a, const GuestFile& b) {
  return a.host.stx_ino == b.host.stx_ino && a.host.stx_mnt_id == b.host.stx_mnt_id;
}

// A folder that gets another parent has its ".." written.
int MayMove(const Credentials& c, const Target& moved, const Target& other) {
  return !moved.file.is_directory() || IsSame(moved.parent, other.parent) || Kernel::Allowed(c, moved.file, W_OK)
             ? 0
             : EACCES;
}

Reply Rename(Kernel& k, const Call& call, int old_folder, uint64_t old_path, int new_folder, uint64_t new_path,
             unsigned flags) {
  const Credentials& c = k.CredentialsOf(call);
  constexpr unsigned kKnown = RENAME_NOREPLACE | RENAME_EXCHANGE | RENAME_WHITEOUT;
  const bool exclude_each_other = (flags & RENAME_EXCHANGE) && (flags & (RENAME_NOREPLACE | RENAME_WHITEOUT));
  if (c.IsFileRoot() || (flags & ~kKnown) || exclude_each_other) return Reply::Continue();
  Target from, to;
  const int options = kNoFollow | kWithParent | kOnlyLook;
  if (int error = k.Resolve(call, c, old_folder, old_path, options, from)) return Reply::Error(error);
  if (int error = k.Resolve(call, c, new_folder, new_path, options, to)) return Reply::Error(error);
  if (from.error != 0 || !from.parent_known || !to.parent_known || IsMisnamed(from)) return Reply::Continue();
  // EXDEV comes before all rights.
  if (from.parent.host.stx_mnt_id != to.parent.host.stx_mnt_id) return Reply::Continue();
  // Into itself; nothing to do; a name that is taken.
  if (from.file.is_directory() && IsSame(from.file, to.parent)) return Reply::Continue();
  if (to.error == 0 && (IsSame(from.file, to.file) || (flags & RENAME_NOREPLACE))) return Reply::Continue();
  int error = Kernel::MayRemove(c, from);
  if (error == 0) error = to.error == 0 ? Kernel::MayRemove(c, to) : Kernel::MayChangeFolder(c, to);
  if (error == 0) error = MayMove(c, from, to);
  if (error == 0 && (flags & RENAME_EXCHANGE) && to.error == 0) error = MayMove(c, to, from);
  return error != 0 ? Reply::Error(error) : Reply::Continue();
}

}  // namespace

Reply SysRename(Kernel& k, const Call& call) {
  return Rename(k, call, AT_FDCWD, call.arg(0), AT_FDCWD, call.arg(1), 0);
}
Reply SysRenameAt(Kernel& k, const Call& call) {
  const unsigned flags = call.number() == SYS_renameat2 ? call.id_arg(4) : 0;
  return Rename(k, call, call.int_arg(0), call.arg(1), call.int_arg(2), call.arg(3), flags);
}
Reply SysUnlink(Kernel& k, const Call& call) { return Remove(k, call, AT_FDCWD, call.arg(0)); }
Reply SysRmdir(Kernel& k, const Call& call) { return Remove(k, call, AT_FDCWD, call.arg(0)); }
Reply SysUnlinkAt(Kernel& k, const Call& call) { return Remove(k, call, call.int_arg(0), call.arg(1)); }

}  // namespace wslm::lxcore
