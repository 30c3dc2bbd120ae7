#include "runtime-v1/lxcore/guest_paths.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "distros/host/unique_fd.h"
#include "runtime-v1/lxcore/kernel.h"

namespace wslm::lxcore {
namespace {

// Takes `prefix` (without a slash at its end) and the slashes after it from `path`, where it is whole components.
bool TakePrefix(std::string_view& path, std::string_view prefix) {
  if (!path.starts_with(prefix)) return false;
  std::string_view rest = path.substr(prefix.size());
  if (rest.empty() || rest[0] != '/') return false;
  rest.remove_prefix(std::min(rest.size(), rest.find_first_not_of('/')));
  if (rest.empty()) return false;
  path = rest;
  return true;
}

}  // namespace

int GuestPaths::EnterRootOf(pid_t tid) {
  if (entered_ && !roots_differ_) return 0;
  const std::string name = std::to_string(tid) + "/root";
  struct statx root;
  if (::statx(AT_FDCWD, name.c_str(), AT_STATX_DONT_SYNC, STATX_INO | STATX_MNT_ID, &root) != 0) return errno;
  if (entered_ && root.stx_mnt_id == mount_id_ && root.stx_ino == inode_) return 0;
  if (is_foreign_(root.stx_mnt_id)) return kElsewhere;
  UniqueFd fd(::openat(proc_, name.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!fd || ::fchdir(fd.get()) != 0 || ::chroot(".") != 0) {
    const int error = errno;
    entered_ = false;
    ::fchdir(proc_);
    return error;
  }
  if (::fchdir(proc_) != 0) return errno;
  entered_ = true;
  mount_id_ = root.stx_mnt_id;
  inode_ = root.stx_ino;
  return 0;
}

std::string GuestPaths::BaseOf(pid_t tid, int folder) {
  if (folder == AT_FDCWD) return std::to_string(tid) + "/cwd";
  return std::to_string(tid) + "/fd/" + std::to_string(folder);
}

std::string GuestPaths::NameOf(pid_t tid, int folder, std::string_view path) {
  if (path.empty()) return BaseOf(tid, folder);
  if (path[0] != '/') return BaseOf(tid, folder) + "/" + std::string(path);
  std::string_view rest = path;
  rest.remove_prefix(std::min(rest.size() - 1, rest.find_first_not_of('/') - 1));
  if (TakePrefix(rest, "/proc/self") || TakePrefix(rest, "/proc/thread-self")) {
    return std::to_string(tid) + "/" + std::string(rest);
  }
  if (TakePrefix(rest, "/dev/fd")) return std::to_string(tid) + "/fd/" + std::string(rest);
  if (rest == "/dev/stdin") return std::to_string(tid) + "/fd/0";
  if (rest == "/dev/stdout") return std::to_string(tid) + "/fd/1";
  if (rest == "/dev/stderr") return std::to_string(tid) + "/fd/2";
  return std::string(path);
}

SplitName SplitLast(std::string_view name) {
  SplitName split;
  while (name.size() > 1 && name.ends_with('/')) {
    name.remove_suffix(1);
    split.trailing_slash = true;
  }
  const size_t slash = name.rfind('/');
  if (slash == std::string_view::npos) return {".", std::string(name), split.trailing_slash};
  split.base = name.substr(slash + 1);
  std::string_view folder = name.substr(0, slash);
  while (folder.size() > 1 && folder.ends_with('/')) folder.remove_suffix(1);
  split.folder = folder.empty() ? "/" : std::string(folder);
  return split;
}

}  // namespace wslm::lxcore
