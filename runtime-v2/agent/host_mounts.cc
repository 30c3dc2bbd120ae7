#include "runtime-v2/agent/host_mounts.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>
#include <sstream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "distros/host/error.h"
#include "distros/host/files.h"
#include "distros/host/status_macros.h"
#include "distros/host/unique_fd.h"
#include "runtime-v2/agent/host_folders.h"
#include "runtime-v2/agent/log.h"
#include "runtime-v2/agent/mount_namespaces.h"
#include "runtime-v2/agent/mount_table.h"

namespace wslm {
namespace {

// What UnmountHost takes away; there until it is back.
constexpr char kRecord[] = "/run/wslm-host-mounts";
constexpr size_t kLongestRecord = size_t{16} << 20;
// The last hold on the device may go some time after what had it.
constexpr int kFreeTries = 50;
constexpr useconds_t kPause = 20'000;

// "0:43"; nothing when it isn't mounted at the agent's place.
absl::StatusOr<std::optional<std::string>> HostDevice(const NamespaceVisit& visit) {
  ASSIGN_OR_RETURN(const auto mounts, visit.Mounts());
  for (const MountLine& mount : mounts) {
    if (mount.point == kHostFolder) return mount.device;
  }
  return std::nullopt;
}

absl::Status InUse(const std::string& point, const std::string& why) {
  return Error(absl::StatusCode::kFailedPrecondition, reason::kDistroRunning,
               absl::StrCat("The host's files at ", Escaped(point), " can't be unmounted: ", why, "."));
}

absl::Status UnmountOne(NamespaceVisit& visit, const std::string& device, const HostMount& gone) {
  RETURN_IF_ERROR(visit.Enter(gone.where));
  ASSIGN_OR_RETURN(const auto mounts, visit.Mounts());
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

absl::Status MountOne(NamespaceVisit& visit, const std::string& device, const HostMount& mount) {
  RETURN_IF_ERROR(visit.GoHome());
  ASSIGN_OR_RETURN(const UniqueFd tree, NewTree(mount));
  RETURN_IF_ERROR(visit.Enter(mount.where));
  ASSIGN_OR_RETURN(const auto mounts, visit.Mounts());
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

// What keeps the device and is to be seen nowhere shows only when the device is wanted.
absl::Status CheckDeviceIsFree() {
  absl::Status mounted;
  for (int i = 0; i < kFreeTries; ++i) {
    mounted = MountHost();
    if (!absl::IsFailedPrecondition(mounted)) break;
    ::usleep(kPause);
  }
  RETURN_IF_ERROR(mounted);
  if (::umount2(kHostFolder, 0) != 0) return ErrnoError("cannot unmount", kHostFolder);
  return absl::OkStatus();
}

}  // namespace

std::string ToText(const std::vector<HostMount>& mounts) {
  std::string text;
  for (const HostMount& mount : mounts) {
    absl::StrAppend(&text, mount.where.process, " ", mount.where.process_started, " ", mount.where.inode, " ",
                    mount.where.way.size(), " ", absl::StrJoin(mount.where.way, " "), " ", mount.root, " ", mount.point,
                    " ", mount.options, "\n");
  }
  return text;
}

std::vector<HostMount> HostMountsOf(const std::string& text) {
  std::vector<HostMount> mounts;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    HostMount mount;
    size_t steps = 0;
    words >> mount.where.process >> mount.where.process_started >> mount.where.inode >> steps;
    for (std::string step; steps > 0 && words >> step; --steps) mount.where.way.push_back(step);
    if (words >> mount.root >> mount.point >> mount.options) mounts.push_back(mount);
  }
  return mounts;
}

absl::StatusOr<std::vector<HostMount>> FindHostMounts(const OtherOverlays& overlays) {
  ASSIGN_OR_RETURN(NamespaceVisit visit, NamespaceVisit::Begin());
  ASSIGN_OR_RETURN(const auto device, HostDevice(visit));
  std::vector<HostMount> found;
  if (!device) return found;
  ASSIGN_OR_RETURN(const auto namespaces, MountsOfOtherNamespaces(visit));
  for (const NamespaceMounts& there : namespaces) {
    for (const MountLine& mount : there.mounts) {
      RETURN_IF_ERROR(CheckIsNoNewOverlay(overlays, mount));
      if (mount.device != *device) continue;
      if (IsBelowProgram(there.mounts, mount.point)) {
        return InUse(UnescapedPath(mount.point), "they are in a file system that a program serves");
      }
      found.push_back({there.where, mount.root, mount.point, mount.options});
    }
  }
  return found;
}

absl::Status UnmountHost(const std::vector<HostMount>& mounts) {
  ASSIGN_OR_RETURN(NamespaceVisit visit, NamespaceVisit::Begin());
  ASSIGN_OR_RETURN(const auto device, HostDevice(visit));
  if (!device) return absl::OkStatus();
  RETURN_IF_ERROR(WriteFileAtomically(kRecord, ToText(mounts)));
  for (auto mount = mounts.rbegin(); mount != mounts.rend(); ++mount) {
    RETURN_IF_ERROR(UnmountOne(visit, *device, *mount));
  }
  RETURN_IF_ERROR(visit.GoHome());
  if (::umount2(kHostFolder, 0) != 0) return ErrnoError("cannot unmount", kHostFolder);
  return CheckDeviceIsFree();
}

absl::Status RemountHost() {
  const auto record = ReadSmallFile(kRecord, kLongestRecord);
  if (absl::IsNotFound(record.status())) return absl::OkStatus();
  RETURN_IF_ERROR(record.status());
  ASSIGN_OR_RETURN(NamespaceVisit visit, NamespaceVisit::Begin());
  RETURN_IF_ERROR(MountHost());
  ASSIGN_OR_RETURN(const auto device, HostDevice(visit));
  if (!device) return ErrnoError("cannot mount", kHostFolder, EBUSY);
  for (const HostMount& mount : HostMountsOf(*record)) LogIfError("host folders", MountOne(visit, *device, mount));
  RETURN_IF_ERROR(visit.GoHome());
  if (::unlink(kRecord) != 0) return ErrnoError("cannot remove", kRecord);
  return absl::OkStatus();
}

}  // namespace wslm
