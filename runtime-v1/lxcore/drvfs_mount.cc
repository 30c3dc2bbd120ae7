#include "runtime-v1/lxcore/drvfs_mount.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/mount.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <string>
#include <thread>

#include "runtime-v1/lxcore/guest_memory.h"
#include "runtime-v1/lxcore/process_facts.h"
#include "runtime-v1/lxcore/sys_mount.h"

namespace wslm::lxcore {
namespace {

constexpr size_t kLongestOptions = 4096;

uint64_t AttributesOf(uint64_t mount_flags, bool read_only) {
  uint64_t attributes = 0;
  if (read_only || (mount_flags & MS_RDONLY)) attributes |= MOUNT_ATTR_RDONLY;
  if (mount_flags & MS_NOSUID) attributes |= MOUNT_ATTR_NOSUID;
  if (mount_flags & MS_NODEV) attributes |= MOUNT_ATTR_NODEV;
  if (mount_flags & MS_NOEXEC) attributes |= MOUNT_ATTR_NOEXEC;
  return attributes;
}

// A copy of the host's mounts at `source`, nowhere attached. The calling thread, whose root is some guest's, gets the
// host's and mounts of its own for that.
int CopyHostTree(int proc, const std::string& source, uint64_t attributes, UniqueFd& tree) {
  if (::unshare(CLONE_FS) != 0) return errno;
  const UniqueFd root(::openat(proc, "self/root", O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!root || ::fchdir(root.get()) != 0 || ::chroot(".") != 0 || ::unshare(CLONE_NEWNS) != 0) return errno;
  tree.Reset(static_cast<int>(
      ::syscall(SYS_open_tree, AT_FDCWD, source.c_str(), OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE)));
  if (!tree) return errno;
  mount_attr change = {};
  change.attr_set = attributes;
  change.propagation = MS_PRIVATE;
  return ::syscall(SYS_mount_setattr, tree.get(), "", AT_EMPTY_PATH | AT_RECURSIVE, &change, sizeof(change)) == 0
             ? 0
             : errno;
}

// In a thread of its own, as it changes whose mounts it sees.
int Attach(int proc, const std::string& source, uint64_t attributes, int guest_mounts, int point) {
  int error = 0;
  std::thread([&] {
    UniqueFd tree;
    error = CopyHostTree(proc, source, attributes, tree);
    if (error != 0) return;
    if (::setns(guest_mounts, CLONE_NEWNS) != 0 ||
        ::syscall(SYS_move_mount, tree.get(), "", point, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) != 0) {
      error = errno;
    }
  }).join();
  return error;
}

// Remembers how what was just mounted on `path` is to be shown.
void Remember(Kernel& k, const Call& call, const std::string& path, std::string source, const DrvfsOptions& options) {
  const uint64_t mounted = MountAt(k, call, path);
  for (MountLine& line : ParseMountInfo(ReadProcFile(k.proc, std::to_string(call.tid()) + "/mountinfo"))) {
    if (line.id != mounted) continue;
    k.files.AddDrvfsMount(
        {std::move(line.device), std::move(line.root), std::move(line.point), std::move(source), options});
    return;
  }
}

}  // namespace

Reply MountDrvfs(Kernel& k, const Call& call) {
  const uint64_t flags = call.arg(3);
  if (flags & MS_REMOUNT) return Reply::Error(EINVAL);
  std::string source, path, text;
  if (int error = ReadGuestString(call.tid(), call.arg(0), PATH_MAX, source)) return Reply::Error(error);
  if (int error = ReadGuestString(call.tid(), call.arg(1), PATH_MAX, path)) return Reply::Error(error);
  if (call.arg(4) != 0) {
    if (int error = ReadGuestString(call.tid(), call.arg(4), kLongestOptions, text)) return Reply::Error(error);
  }
  DrvfsOptions options;
  if (!ReadDrvfsOptions(text, options).empty() || !source.starts_with('/')) return Reply::Error(EINVAL);
  if (!k.files.drvfs().allowed) return Reply::Error(EPERM);
  const DrvfsOptions& defaults = k.files.drvfs().options;
  options.uid = options.uid.value_or(*defaults.uid);
  options.gid = options.gid.value_or(*defaults.gid);
  Target target;
  if (int error = k.ResolvePath(call, k.CredentialsOf(call), AT_FDCWD, path, 0, target)) return Reply::Error(error);
  if (target.error != 0) return Reply::Error(target.error == kElsewhere ? EINVAL : target.error);
  const UniqueFd point(::open(target.name.c_str(), O_PATH | O_CLOEXEC));
  const std::string thread = std::to_string(call.tid());
  const UniqueFd guest_mounts(::openat(k.proc, (thread + "/ns/mnt").c_str(), O_RDONLY | O_CLOEXEC));
  if (!point || !guest_mounts) return Reply::Error(errno);
  if (BeginMount(k, call, path)) {
    const uint64_t attributes = AttributesOf(flags, options.read_only);
    if (int error = Attach(k.proc, source, attributes, guest_mounts.get(), point.get())) return Reply::Error(error);
  }
  Remember(k, call, path, std::move(source), options);
  return Reply::Value(0);
}

}  // namespace wslm::lxcore
