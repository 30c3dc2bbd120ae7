#include "runtime-v2/agent/host_mounts.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>
#include <set>
#include <sstream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "distros/host/error.h"
#include "distros/host/files.h"
#include "distros/host/status_macros.h"
#include "distros/host/unique_fd.h"
#include "runtime-v2/agent/file.h"
#include "runtime-v2/agent/host_folders.h"
#include "runtime-v2/agent/log.h"
#include "runtime-v2/agent/mount_table.h"
#include "runtime-v2/agent/processes.h"

namespace wslm {
namespace {

// What UnmountHost takes away; there until it is back.
constexpr char kRecord[] = "/run/wslm-host-mounts";
constexpr size_t kLongestRecord = size_t{16} << 20;
constexpr char kOwnNamespace[] = "/proc/self/ns/mnt";

// What stays the same wherever this process goes: the agent's namespace, which it is in again in the end, and its
// /proc, which other namespaces may lack.
struct Home {
  Home() = default;
  Home(Home&&) = default;
  ~Home() {
    if (mounts) ::setns(mounts.get(), CLONE_NEWNS);
  }

  UniqueFd mounts;
  UniqueFd proc;
};

absl::StatusOr<UniqueFd> Open(const std::string& path, int flags) {
  UniqueFd file(::open(path.c_str(), flags | O_CLOEXEC));
  if (!file) return ErrnoError("cannot open", path);
  return file;
}

absl::StatusOr<Home> OpenHome() {
  Home home;
  ASSIGN_OR_RETURN(home.mounts, Open(kOwnNamespace, O_RDONLY));
  ASSIGN_OR_RETURN(home.proc, Open("/proc", O_RDONLY | O_DIRECTORY));
  return home;
}

absl::Status Enter(const UniqueFd& mount_namespace) {
  if (::setns(mount_namespace.get(), CLONE_NEWNS) != 0) return ErrnoError("cannot enter", "mount namespace");
  return absl::OkStatus();
}

absl::Status Enter(const Home& home, const std::string& mount_namespace) {
  RETURN_IF_ERROR(Enter(home.mounts));
  ASSIGN_OR_RETURN(const UniqueFd file, Open(mount_namespace, O_RDONLY));
  return Enter(file);
}

// Of the namespace that this process is in.
absl::StatusOr<std::vector<MountLine>> MountsHere(const Home& home) {
  const UniqueFd file(::openat(home.proc.get(), "self/mountinfo", O_RDONLY | O_CLOEXEC));
  if (!file) return ErrnoError("cannot open", "mountinfo");
  ASSIGN_OR_RETURN(const std::string text, ReadAll(file.get(), "mountinfo"));
  return ParseMountTable(text);
}

// "0:43"; nothing when it isn't mounted at the agent's place.
absl::StatusOr<std::optional<std::string>> HostDevice(const Home& home) {
  ASSIGN_OR_RETURN(const auto mounts, MountsHere(home));
  for (const MountLine& mount : mounts) {
    if (mount.point == kHostFolder) return mount.device;
  }
  return std::nullopt;
}

std::optional<ino_t> InodeOf(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return std::nullopt;
  return status.st_ino;
}

// Each once, that of the process with the lowest number first.
std::vector<std::string> OtherNamespaces() {
  std::vector<std::string> namespaces;
  std::set<ino_t> seen;
  if (const auto own = InodeOf(kOwnNamespace)) seen.insert(*own);
  const auto add = [&](const std::string& path) {
    const auto inode = InodeOf(path);
    if (inode && seen.insert(*inode).second) namespaces.push_back(path);
  };
  const std::vector<pid_t> processes = Processes();
  for (const pid_t pid : processes) add(absl::StrCat("/proc/", pid, "/ns/mnt"));
  for (const pid_t pid : processes) {
    for (const OpenFileOf& file : OpenFilesOf(pid)) {
      if (file.target.starts_with("mnt:[")) add(file.path);
    }
  }
  return namespaces;
}

absl::Status InUse(const std::string& point, const std::string& why) {
  return Error(absl::StatusCode::kFailedPrecondition, reason::kDistroRunning,
               absl::StrCat("The host's files at ", Escaped(point), " can't be unmounted: ", why, "."));
}

std::string DeviceOf(const std::string& path) {
  struct statx status {};
  if (::statx(AT_FDCWD, path.c_str(), AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT, STATX_TYPE, &status) != 0) return "";
  return absl::StrCat(status.stx_dev_major, ":", status.stx_dev_minor);
}

// An overlay keeps what it is made of, and shows it in its options alone.
absl::Status CheckIsNoOverlayOfHost(const MountLine& mount, const std::string& device) {
  if (mount.type != "overlay") return absl::OkStatus();
  for (absl::string_view option : absl::StrSplit(mount.super_options, ',')) {
    if (!absl::ConsumePrefix(&option, "lowerdir=") && !absl::ConsumePrefix(&option, "upperdir=")) continue;
    for (const absl::string_view escaped : absl::StrSplit(option, ':')) {
      const std::string folder = UnescapedPath(std::string(escaped));
      if (DeviceOf(folder) != device) continue;
      return InUse(folder, absl::StrCat("an overlay is made of them at ", Escaped(UnescapedPath(mount.point))));
    }
  }
  return absl::OkStatus();
}

absl::Status UnmountOne(const Home& home, const std::string& device, const HostMount& gone) {
  RETURN_IF_ERROR(Enter(home, gone.mount_namespace));
  ASSIGN_OR_RETURN(const auto mounts, MountsHere(home));
  const auto found = std::find_if(mounts.rbegin(), mounts.rend(), [&](const MountLine& mount) {
    return mount.device == device && mount.root == gone.root && mount.point == gone.point;
  });
  // It went with that of another namespace, by propagation.
  if (found == mounts.rend()) return absl::OkStatus();
  const std::string point = UnescapedPath(gone.point);
  struct statx seen {};
  if (::statx(AT_FDCWD, point.c_str(), AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_STATX_DONT_SYNC, STATX_MNT_ID,
              &seen) != 0) {
    return InUse(point, ::strerror(errno));
  }
  if (seen.stx_mnt_id != found->id) return InUse(point, "something is mounted over them");
  if (::umount2(point.c_str(), UMOUNT_NOFOLLOW) == 0) return absl::OkStatus();
  if (errno == EBUSY) return InUse(point, "a program holds them, or something is mounted in them");
  // What a namespace got from one of more rights is locked in it.
  return InUse(point, errno == EINVAL ? "a container in a user namespace has them" : ::strerror(errno));
}

uint64_t AttributesOf(const std::string& options) {
  constexpr std::pair<absl::string_view, uint64_t> kAttributes[] = {{"ro", MOUNT_ATTR_RDONLY},
                                                                    {"nosuid", MOUNT_ATTR_NOSUID},
                                                                    {"nodev", MOUNT_ATTR_NODEV},
                                                                    {"noexec", MOUNT_ATTR_NOEXEC}};
  uint64_t attributes = 0;
  for (const absl::string_view option : absl::StrSplit(options, ',')) {
    for (const auto& [name, bit] : kAttributes) {
      if (option == name) attributes |= bit;
    }
  }
  return attributes;
}

// A mount of the host's folder that is nowhere yet.
absl::StatusOr<UniqueFd> NewTree(const HostMount& mount) {
  const std::string source = kHostFolder + UnescapedPath(mount.root);
  UniqueFd tree(::open_tree(AT_FDCWD, source.c_str(), OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC));
  if (!tree) return ErrnoError("cannot bind", source);
  mount_attr attributes{};
  attributes.attr_set = AttributesOf(mount.options);
  if (::mount_setattr(tree.get(), "", AT_EMPTY_PATH, &attributes, sizeof attributes) != 0) {
    return ErrnoError("cannot bind", source);
  }
  return tree;
}

absl::Status MountOne(const Home& home, const std::string& device, const HostMount& mount) {
  RETURN_IF_ERROR(Enter(home.mounts));
  ASSIGN_OR_RETURN(const UniqueFd tree, NewTree(mount));
  RETURN_IF_ERROR(Enter(home, mount.mount_namespace));
  ASSIGN_OR_RETURN(const auto mounts, MountsHere(home));
  // It never went, or came with that of another namespace.
  const bool there = std::any_of(mounts.begin(), mounts.end(), [&](const MountLine& other) {
    return other.device == device && other.root == mount.root && other.point == mount.point;
  });
  if (there) return absl::OkStatus();
  const std::string point = UnescapedPath(mount.point);
  if (::move_mount(tree.get(), "", AT_FDCWD, point.c_str(), MOVE_MOUNT_F_EMPTY_PATH) != 0) {
    return ErrnoError("cannot mount", point);
  }
  return absl::OkStatus();
}

}  // namespace

std::string ToText(const std::vector<HostMount>& mounts) {
  std::string text;
  for (const HostMount& mount : mounts) {
    absl::StrAppend(&text, mount.mount_namespace, " ", mount.root, " ", mount.point, " ", mount.options, "\n");
  }
  return text;
}

std::vector<HostMount> HostMountsOf(const std::string& text) {
  std::vector<HostMount> mounts;
  std::istringstream words(text);
  for (HostMount mount; words >> mount.mount_namespace >> mount.root >> mount.point >> mount.options;) {
    mounts.push_back(mount);
  }
  return mounts;
}

absl::StatusOr<std::vector<HostMount>> FindHostMounts() {
  ASSIGN_OR_RETURN(const Home home, OpenHome());
  ASSIGN_OR_RETURN(const auto device, HostDevice(home));
  std::vector<HostMount> found;
  if (!device) return found;
  for (const std::string& path : OtherNamespaces()) {
    RETURN_IF_ERROR(Enter(home, path));
    ASSIGN_OR_RETURN(const auto mounts, MountsHere(home));
    for (const MountLine& mount : mounts) {
      RETURN_IF_ERROR(CheckIsNoOverlayOfHost(mount, *device));
      if (mount.device == *device) found.push_back({path, mount.root, mount.point, mount.options});
    }
  }
  return found;
}

absl::Status UnmountHost(const std::vector<HostMount>& mounts) {
  ASSIGN_OR_RETURN(const Home home, OpenHome());
  ASSIGN_OR_RETURN(const auto device, HostDevice(home));
  if (!device) return absl::OkStatus();
  RETURN_IF_ERROR(WriteFileAtomically(kRecord, ToText(mounts)));
  for (auto mount = mounts.rbegin(); mount != mounts.rend(); ++mount) {
    RETURN_IF_ERROR(UnmountOne(home, *device, *mount));
  }
  RETURN_IF_ERROR(Enter(home.mounts));
  if (::umount2(kHostFolder, 0) != 0) return ErrnoError("cannot unmount", kHostFolder);
  return absl::OkStatus();
}

absl::Status RemountHost() {
  const auto record = ReadSmallFile(kRecord, kLongestRecord);
  if (absl::IsNotFound(record.status())) return absl::OkStatus();
  RETURN_IF_ERROR(record.status());
  ASSIGN_OR_RETURN(const Home home, OpenHome());
  RETURN_IF_ERROR(MountHost());
  ASSIGN_OR_RETURN(const auto device, HostDevice(home));
  if (!device) return ErrnoError("cannot mount", kHostFolder, EBUSY);
  for (const HostMount& mount : HostMountsOf(*record)) LogIfError("host folders", MountOne(home, *device, mount));
  RETURN_IF_ERROR(Enter(home.mounts));
  if (::unlink(kRecord) != 0) return ErrnoError("cannot remove", kRecord);
  return absl::OkStatus();
}

}  // namespace wslm
