#include "runtime-v1/lxcore/mounts.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <climits>
#include <cstring>
#include <memory>
#include <string_view>
#include <vector>

#include "distros/host/error.h"
#include "distros/host/status_macros.h"
#include "distros/host/unique_fd.h"
#include "runtime-v1/lxcore/user_namespace.h"

namespace wslm::lxcore {
namespace {

enum class PointKind { kFolder, kFile };

absl::Status StepError(const std::string& doing, const std::string& what) {
  const int error = errno;
  return Error(absl::StatusCode::kFailedPrecondition, reason::kStartFailed,
               "Cannot " + doing + " " + Escaped(what) + ": " + std::strerror(error) + ".");
}

std::string FdPath(int fd) { return "/proc/self/fd/" + std::to_string(fd); }

int OpenInRoot(int root, const std::string& path, uint64_t flags, uint64_t mode = 0) {
  open_how how = {};
  how.flags = flags | O_CLOEXEC;
  how.mode = mode;
  how.resolve = RESOLVE_IN_ROOT;
  return static_cast<int>(::syscall(SYS_openat2, root, path.c_str(), &how, sizeof(how)));
}

// Makes what is missing of `path` inside `root`, folders all, the last a file when it is to be one. Links in the way
// are followed inside the root; a dangling last link is replaced by what it points to.
absl::Status MakePoint(int root, const std::string& path, PointKind kind, int depth = 0) {
  size_t start = 0;
  while (start < path.size() && path[start] == '/') ++start;
  while (start < path.size()) {
    const size_t end = std::min(path.find('/', start), path.size());
    const std::string here = path.substr(0, end);
    const bool last = path.find_first_not_of('/', end) == std::string::npos;
    if (UniqueFd there(OpenInRoot(root, here, O_PATH)); !there) {
      UniqueFd parent(OpenInRoot(root, here.substr(0, start).empty() ? "/" : here.substr(0, start), O_PATH));
      if (!parent) return StepError("open the folder of", path);
      const std::string name = here.substr(start);
      char target[PATH_MAX];
      const ssize_t size = ::readlinkat(parent.get(), name.c_str(), target, sizeof(target));
      if (size > 0 && depth < 8) {
        const std::string text(target, size);
        const std::string rest = path.substr(end);
        return MakePoint(root, (text[0] == '/' ? text : here.substr(0, start) + text) + rest, kind, depth + 1);
      }
      struct stat before;
      const bool keep_times = ::fstat(parent.get(), &before) == 0;
      const int made = last && kind == PointKind::kFile ? ::mknodat(parent.get(), name.c_str(), S_IFREG | 0644, 0)
                                                        : ::mkdirat(parent.get(), name.c_str(), 0755);
      if (made != 0) return StepError("make", path);
      // The distro's folder is to look as it did.
      const timespec times[] = {before.st_atim, before.st_mtim};
      if (keep_times) ::utimensat(AT_FDCWD, FdPath(parent.get()).c_str(), times, 0);
    }
    start = path.find_first_not_of('/', end);
    if (start == std::string::npos) break;
  }
  return absl::OkStatus();
}

// The host's, whoever may open them.
std::vector<std::string> SerialPorts() {
  std::vector<std::string> ports;
  const std::unique_ptr<DIR, int (*)(DIR*)> dev(::opendir("/dev"), ::closedir);
  while (const dirent* entry = dev ? ::readdir(dev.get()) : nullptr) {
    const std::string_view name = entry->d_name;
    const bool serial = name.starts_with("ttyS") || name.starts_with("ttyUSB") || name.starts_with("ttyACM");
    if (serial && entry->d_type == DT_CHR) ports.push_back("/dev/" + std::string(name));
  }
  return ports;
}

class Builder {
 public:
  explicit Builder(const MountPlan& plan) : plan_(plan) {}

  absl::Status Build() {
    // Nothing may propagate, neither out nor in.
    if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return NoRightsInNamespace();
    // The host's tree as it is before anything is mounted over it.
    host_.Reset(
        static_cast<int>(::syscall(SYS_open_tree, AT_FDCWD, "/", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE)));
    if (!host_) return StepError("copy", "the host's mounts");
    if (::mount(plan_.rootfs.c_str(), plan_.rootfs.c_str(), nullptr, MS_BIND, nullptr) != 0) {
      return StepError("mount the distro's files in", plan_.rootfs);
    }
    root_.Reset(::open(plan_.rootfs.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!root_) return StepError("open", plan_.rootfs);
    RETURN_IF_ERROR(MountProcAndSys());
    RETURN_IF_ERROR(MountDev());
    RETURN_IF_ERROR(MountRun());
    if (plan_.conf.generate_resolv_conf) {
      RETURN_IF_ERROR(ServeFile("resolv.conf", "/etc/resolv.conf", plan_.resolv_conf));
    }
    if (plan_.conf.generate_hosts) RETURN_IF_ERROR(ServeFile("hosts", "/etc/hosts", plan_.hosts));
    if (plan_.automount && plan_.conf.automount) RETURN_IF_ERROR(MountHost(plan_.conf.host_folder));
    return Pivot();
  }

 private:
  absl::Status Mount(const char* source, const std::string& point, const char* type, unsigned long flags,
                     const char* data) {
    RETURN_IF_ERROR(MakePoint(root_.get(), point, PointKind::kFolder));
    UniqueFd at(OpenInRoot(root_.get(), point, O_PATH | O_DIRECTORY));
    if (!at) return StepError("open the mount point", point);
    if (::mount(source, FdPath(at.get()).c_str(), type, flags, data) != 0) return StepError("mount", point);
    return absl::OkStatus();
  }

  absl::Status Bind(const std::string& source, const std::string& point, PointKind kind, unsigned long flags = 0) {
    RETURN_IF_ERROR(MakePoint(root_.get(), point, kind));
    UniqueFd at(OpenInRoot(root_.get(), point, O_PATH));
    if (!at) return StepError("open the mount point", point);
    if (::mount(source.c_str(), FdPath(at.get()).c_str(), nullptr, MS_BIND | flags, nullptr) != 0) {
      return StepError("mount", point);
    }
    return absl::OkStatus();
  }

  absl::Status MountProcAndSys() {
    if (absl::Status status = Mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr); !status.ok()) {
      // A host that is itself a container hides parts of /proc, and then no new one may be mounted.
      return WithContext(status, "The host's /proc must be whole, without anything mounted over parts of it");
    }
    RETURN_IF_ERROR(Bind("/sys", "/sys", PointKind::kFolder, MS_REC));
    UniqueFd sys(OpenInRoot(root_.get(), "/sys", O_PATH));
    mount_attr attributes = {};
    attributes.attr_set = MOUNT_ATTR_RDONLY;
    // Since Linux 5.12; before, what the user may write there stays writable.
    ::syscall(SYS_mount_setattr, sys.get(), "", AT_EMPTY_PATH | AT_RECURSIVE, &attributes, sizeof(attributes));
    return absl::OkStatus();
  }

  absl::Status MountDev() {
    RETURN_IF_ERROR(Mount("dev", "/dev", "tmpfs", MS_NOSUID | MS_NOEXEC, "mode=755,size=16m"));
    for (const char* name : {"null", "zero", "full", "random", "urandom", "tty"}) {
      RETURN_IF_ERROR(Bind(std::string("/dev/") + name, std::string("/dev/") + name, PointKind::kFile));
    }
    std::vector<std::string> wanted = SerialPorts();
    wanted.insert(wanted.end(), {"/dev/fuse", "/dev/net/tun", "/dev/kvm"});
    for (const std::string& name : wanted) {
      if (::access(name.c_str(), R_OK | W_OK) == 0) RETURN_IF_ERROR(Bind(name, name, PointKind::kFile));
    }
    // No gid=5: only the one id is known to the host. lxcore shows the group.
    RETURN_IF_ERROR(
        Mount("devpts", "/dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=0666,mode=0620"));
    RETURN_IF_ERROR(Mount("shm", "/dev/shm", "tmpfs", MS_NOSUID | MS_NODEV, "mode=755"));
    RETURN_IF_ERROR(Mount("mqueue", "/dev/mqueue", "mqueue", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr));
    UniqueFd dev(OpenInRoot(root_.get(), "/dev", O_PATH));
    static constexpr const char* kLinks[][2] = {{"/proc/self/fd", "fd"},       {"/proc/self/fd/0", "stdin"},
                                                {"/proc/self/fd/1", "stdout"}, {"/proc/self/fd/2", "stderr"},
                                                {"/proc/kcore", "core"},       {"pts/ptmx", "ptmx"}};
    for (const auto& link : kLinks) {
      if (::symlinkat(link[0], dev.get(), link[1]) != 0) return StepError("make", std::string("/dev/") + link[1]);
    }
    return absl::OkStatus();
  }

  absl::Status MountRun() {
    RETURN_IF_ERROR(Mount("run", "/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=755"));
    RETURN_IF_ERROR(MakePoint(root_.get(), "/run/lock", PointKind::kFolder));
    return MakePoint(root_.get(), "/run/wslm", PointKind::kFolder);
  }

  // Binds a file with `content` over `point`: the distro's own file is untouched.
  absl::Status ServeFile(const std::string& name, const std::string& point, const std::string& content) {
    if (content.empty()) return absl::OkStatus();
    const std::string source = "/run/wslm/" + name;
    UniqueFd file(OpenInRoot(root_.get(), source, O_CREAT | O_WRONLY | O_TRUNC, 0644));
    if (!file || ::write(file.get(), content.data(), content.size()) != static_cast<ssize_t>(content.size())) {
      return StepError("write", source);
    }
    return Bind(FdPath(file.get()), point, PointKind::kFile);
  }

  absl::Status MountHost(const std::string& point) {
    if (plan_.conf.drvfs.read_only) {
      mount_attr attributes = {};
      attributes.attr_set = MOUNT_ATTR_RDONLY;
      if (::syscall(SYS_mount_setattr, host_.get(), "", AT_EMPTY_PATH | AT_RECURSIVE, &attributes,
                    sizeof(attributes)) != 0) {
        return StepError("make read-only", "the host's files");
      }
    }
    RETURN_IF_ERROR(MakePoint(root_.get(), point, PointKind::kFolder));
    UniqueFd at(OpenInRoot(root_.get(), point, O_PATH | O_DIRECTORY));
    if (!at) return StepError("open the mount point", point);
    if (::syscall(SYS_move_mount, host_.get(), "", at.get(), "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) !=
        0) {
      return StepError("mount the host's files at", point);
    }
    return absl::OkStatus();
  }

  absl::Status Pivot() {
    host_.Reset();
    // The mount over the folder, not the folder under it.
    if (::chdir(plan_.rootfs.c_str()) != 0) return StepError("enter", plan_.rootfs);
    if (::syscall(SYS_pivot_root, ".", ".") != 0) return StepError("change the root to", plan_.rootfs);
    if (::umount2(".", MNT_DETACH) != 0) return StepError("leave", "the host's root");
    if (::chdir("/") != 0) return StepError("enter", "/");
    return absl::OkStatus();
  }

  const MountPlan& plan_;
  UniqueFd host_;
  UniqueFd root_;
};

}  // namespace

absl::Status EnterDistro(const MountPlan& plan) { return Builder(plan).Build(); }

}  // namespace wslm::lxcore
