#include "runtime-v2/agent/mount_point.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <cerrno>

#include "distros/host/error.h"
#include "distros/host/status_macros.h"

namespace wslm {
namespace {

std::string Parent(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : path.substr(0, slash);
}

std::string Leaf(const std::string& path) { return path.substr(path.rfind('/') + 1); }

// Keeps the times of a folder over a change of its entries.
class KeepTimes {
 public:
  explicit KeepTimes(int folder) : folder_(folder) { known_ = ::fstat(folder, &status_) == 0; }
  ~KeepTimes() {
    const timespec times[2] = {status_.st_atim, status_.st_mtim};
    if (known_) ::futimens(folder_, times);
  }
  KeepTimes(const KeepTimes&) = delete;
  KeepTimes& operator=(const KeepTimes&) = delete;

 private:
  int folder_;
  bool known_ = false;
  struct stat status_ {};
};

absl::Status MakeOne(int root, const std::string& path, bool folder) {
  ASSIGN_OR_RETURN(const UniqueFd parent, OpenInRoot(root, Parent(path), O_RDONLY | O_DIRECTORY));
  const KeepTimes keep(parent.get());
  const std::string leaf = Leaf(path);
  if (folder) {
    if (::mkdirat(parent.get(), leaf.c_str(), 0755) != 0) return ErrnoError("cannot make", path);
  } else {
    const UniqueFd file(::openat(parent.get(), leaf.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
    if (!file) return ErrnoError("cannot make", path);
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<UniqueFd> OpenInRoot(int root, const std::string& path, int flags) {
  open_how how{};
  how.flags = static_cast<uint64_t>(flags | O_CLOEXEC);
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  UniqueFd fd(static_cast<int>(::syscall(SYS_openat2, root, path.c_str(), &how, sizeof how)));
  if (!fd) return ErrnoError("cannot open", path);
  return fd;
}

absl::Status MakeMountPoint(int root, const std::string& path, bool folder, std::vector<std::string>& made) {
  const auto there = OpenInRoot(root, path, O_PATH);
  if (there.ok()) return absl::OkStatus();
  if (!absl::IsNotFound(there.status())) return there.status();
  if (path.find('/') != std::string::npos) RETURN_IF_ERROR(MakeMountPoint(root, Parent(path), true, made));
  RETURN_IF_ERROR(MakeOne(root, path, folder));
  made.push_back(path);
  return absl::OkStatus();
}

void RemoveMountPoints(int root, const std::vector<std::string>& made) {
  for (auto path = made.rbegin(); path != made.rend(); ++path) {
    const auto parent = OpenInRoot(root, Parent(*path), O_RDONLY | O_DIRECTORY);
    if (!parent.ok()) continue;
    const std::string leaf = Leaf(*path);
    struct stat status {};
    if (::fstatat(parent->get(), leaf.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) continue;
    const KeepTimes keep(parent->get());
    if (S_ISDIR(status.st_mode)) {
      ::unlinkat(parent->get(), leaf.c_str(), AT_REMOVEDIR);
    } else if (S_ISREG(status.st_mode) && status.st_size == 0) {
      ::unlinkat(parent->get(), leaf.c_str(), 0);
    }
  }
}

absl::Status MountInRoot(int root, const std::string& path, const char* source, const char* type, unsigned long flags,
                         const char* options) {
  ASSIGN_OR_RETURN(const UniqueFd place, OpenInRoot(root, path, O_PATH));
  const std::string target = "/proc/self/fd/" + std::to_string(place.get());
  if (::mount(source, target.c_str(), type, flags, options) != 0) return ErrnoError("cannot mount", "/" + path);
  return absl::OkStatus();
}

}  // namespace wslm
