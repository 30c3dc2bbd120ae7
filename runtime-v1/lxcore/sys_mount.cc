#include "runtime-v1/lxcore/sys_mount.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <cstring>
#include <iterator>
#include <thread>

#include "runtime-v1/lxcore/guest_memory.h"
#include "runtime-v1/lxcore/mount_options.h"

namespace wslm::lxcore {
namespace {

// Those of which nothing new comes up.
constexpr uint64_t kNotNew = MS_REMOUNT | MS_BIND | MS_MOVE | MS_SHARED | MS_PRIVATE | MS_SLAVE | MS_UNBINDABLE;
constexpr size_t kMostOptions = 4096;  // a page, as the kernel takes it

struct Arguments {
  std::string source, target, type, options;
};

int Read(const Call& call, int argument, size_t limit, std::string& text) {
  return call.arg(argument) == 0 ? 0 : ReadGuestString(call.tid(), call.arg(argument), limit, text);
}

// Mounts as the caller would, in its mount namespace: on a thread of its own, as there is no way back from one.
int MountFor(Kernel& k, const Call& call, const Arguments& arguments) {
  const std::string process = std::to_string(call.tid());
  const UniqueFd space(::openat(k.proc, (process + "/ns/mnt").c_str(), O_RDONLY | O_CLOEXEC));
  const UniqueFd root(::openat(k.proc, (process + "/root").c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!space || !root) return errno;
  const std::string target = GuestPaths::NameOf(call.tid(), AT_FDCWD, arguments.target);
  int error = 0;
  std::thread([&] {
    const bool mounted = ::unshare(CLONE_FS) == 0 && ::setns(space.get(), CLONE_NEWNS) == 0 &&
                         ::fchdir(root.get()) == 0 && ::chroot(".") == 0 && ::fchdir(k.proc) == 0 &&
                         ::mount(arguments.source.c_str(), target.c_str(), arguments.type.c_str(), call.arg(3),
                                 arguments.options.c_str()) == 0;
    error = mounted ? 0 : errno;
  }).join();
  return error;
}

// A memory file system belongs to whom its options say.
int GiveAway(Kernel& k, const Call& call, const std::string& path, const IdOptions& ids) {
  k.files.ForgetMounts();
  Target target;
  const Credentials& c = k.CredentialsOf(call);
  if (int error = k.ResolvePath(call, c, AT_FDCWD, path, 0, target)) return error;
  if (target.error != 0) return target.error;
  GuestAttributes attributes = target.file.attributes;
  if (ids.uid) attributes.uid = ids.uid->id;
  if (ids.gid) attributes.gid = ids.gid->id;
  return k.files.Set(target.name, target.flags, target.file, attributes);
}

}  // namespace

bool IsOnBlockDevices(std::string_view type) {
  static constexpr std::string_view kTypes[] = {"btrfs", "erofs",    "exfat",   "ext2", "ext3",  "ext4",
                                                "f2fs",  "hfsplus",  "iso9660", "jfs",  "msdos", "ntfs",
                                                "ntfs3", "squashfs", "udf",     "vfat", "xfs"};
  return std::find(std::begin(kTypes), std::end(kTypes), type) != std::end(kTypes);
}

uint64_t MountAt(Kernel& k, const Call& call, const std::string& path) {
  struct statx found;
  const std::string name = GuestPaths::NameOf(call.tid(), AT_FDCWD, path);
  const bool known = k.paths.EnterRootOf(call.tid()) == 0 &&
                     ::statx(AT_FDCWD, name.c_str(), AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT, STATX_MNT_ID, &found) == 0;
  return known ? found.stx_mnt_id : 0;
}

bool BeginMount(Kernel& k, const Call& call, const std::string& path) {
  const uint64_t before = MountAt(k, call, path);
  if (call.journal().Resumed() && call.journal().done() != before) return false;
  call.journal().set_done(before);
  call.journal().Begin();
  return true;
}

Reply MountWithIds(Kernel& k, const Call& call) {
  Arguments arguments;
  if (call.arg(2) == 0 || call.arg(4) == 0 || (call.arg(3) & kNotNew)) return Reply::Continue();
  if (Read(call, 2, NAME_MAX, arguments.type) != 0 || Read(call, 4, kMostOptions, arguments.options) != 0) {
    return Reply::Continue();
  }
  const IdOptions ids = FindIdOptions(arguments.options);
  if (!ids.uid && !ids.gid) return Reply::Continue();
  arguments.options = WithoutIds(std::move(arguments.options), ids);
  if (arguments.type.starts_with("fuse")) {
    // The server says who owns its files. The descriptor in the options is the caller's, who must mount it itself.
    const std::string& options = arguments.options;
    if (int error = WriteGuest(call.tid(), call.arg(4), options.data(), options.size())) return Reply::Error(error);
    return Reply::Continue();
  }
  const bool memory = arguments.type == "tmpfs" || arguments.type == "ramfs";
  if ((!memory && arguments.type != "devpts") || k.CredentialsOf(call).nested) return Reply::Continue();
  if (Read(call, 0, PATH_MAX, arguments.source) != 0 || Read(call, 1, PATH_MAX, arguments.target) != 0) {
    return Reply::Continue();
  }
  if (BeginMount(k, call, arguments.target)) {
    if (int error = MountFor(k, call, arguments)) return Reply::Error(error);
  }
  // lxcore knows by itself whose terminals are.
  return Reply::Error(memory ? GiveAway(k, call, arguments.target, ids) : 0);
}

}  // namespace wslm::lxcore
