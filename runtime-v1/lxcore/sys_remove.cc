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

Reply Remove(Kernel& k, const Call& call, int folder, uint64_t path) {
  const Credentials& c = k.CredentialsOf(call);
  if (c.IsFileRoot()) return Reply::Continue();
  Target target;
  if (int error = k.Resolve(call, c, folder, path, kNoFollow | kWithParent | kOnlyLook, target))
    return Reply::Error(error);
  if (target.error != 0 || !target.parent_known) return Reply::Continue();
  const int error = Kernel::MayRemove(c, target);
  return error != 0 ? Reply::Error(error) : Reply::Continue();
}

// A folder that gets another parent has its ".." written.
int MayMove(const Credentials& c, const Target& moved, const Target& other) {
  const bool same_parent = moved.parent.host.stx_ino == other.parent.host.stx_ino &&
                           moved.parent.host.stx_mnt_id == other.parent.host.stx_mnt_id;
  return !moved.file.is_directory() || same_parent || Kernel::Allowed(c, moved.file, W_OK) ? 0 : EACCES;
}

Reply Rename(Kernel& k, const Call& call, int old_folder, uint64_t old_path, int new_folder, uint64_t new_path,
             unsigned flags) {
  const Credentials& c = k.CredentialsOf(call);
  if (c.IsFileRoot()) return Reply::Continue();
  Target from, to;
  const int options = kNoFollow | kWithParent | kOnlyLook;
  if (int error = k.Resolve(call, c, old_folder, old_path, options, from)) return Reply::Error(error);
  if (int error = k.Resolve(call, c, new_folder, new_path, options, to)) return Reply::Error(error);
  if (from.error != 0 || !from.parent_known || !to.parent_known) return Reply::Continue();
  // EXDEV comes before all rights.
  if (from.parent.host.stx_mnt_id != to.parent.host.stx_mnt_id) return Reply::Continue();
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
