#include "runtime-v2/agent/shared_disks.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "absl/strings/str_split.h"
#include "distros/host/error.h"
#include "distros/host/status_macros.h"
#include "distros/host/unique_fd.h"
#include "runtime-v2/agent/child_task.h"
#include "runtime-v2/agent/device_rule.h"
#include "runtime-v2/agent/disk.h"
#include "runtime-v2/agent/log.h"
#include "runtime-v2/agent/mount_options.h"
#include "runtime-v2/agent/mount_point.h"

namespace wslm {

using runtime::v1::DiskMount;
using runtime::v1::MountedDisk;

namespace {

constexpr absl::Duration kDiskTimeout = absl::Seconds(30);
constexpr absl::Duration kPartitionTimeout = absl::Seconds(5);
constexpr absl::Duration kReleaseTimeout = absl::Seconds(5);
// Tried in this order where none is named.
constexpr const char* kTypes[] = {"ext4", "xfs", "btrfs", "vfat", "exfat", "ntfs3", "iso9660", "squashfs"};
// The group "disk" of most distros.
constexpr gid_t kDiskGroup = 6;

std::string FolderOf(const std::string& name) { return std::string(kSharedDisksFolder) + "/" + name; }

absl::Status Busy(const std::string& name) {
  return Error(absl::StatusCode::kFailedPrecondition, reason::kIoError,
               "The disk '" + name + "' is in use by a program in a distro.");
}

absl::Status MountAs(const std::string& device, const std::string& folder, const char* type,
                     const MountOptions& options) {
  if (::mount(device.c_str(), folder.c_str(), type, options.flags, options.data.c_str()) == 0) return absl::OkStatus();
  // A disk that can't be written to.
  if ((errno == EACCES || errno == EROFS) &&
      ::mount(device.c_str(), folder.c_str(), type, options.flags | MS_RDONLY, options.data.c_str()) == 0) {
    return absl::OkStatus();
  }
  return ErrnoError(std::string("cannot mount as ") + type, device);
}

// Answers the type.
absl::StatusOr<std::string> MountDevice(const std::string& device, const DiskMount& request) {
  const std::string folder = FolderOf(request.name());
  if (::mkdir(folder.c_str(), 0755) != 0 && errno != EEXIST) return ErrnoError("cannot make", folder);
  const MountOptions options = ParseMountOptions(request.options());
  absl::Status status;
  if (!request.type().empty()) {
    status = MountAs(device, folder, request.type().c_str(), options);
    if (status.ok()) return request.type();
  } else {
    for (const char* type : kTypes) {
      if (MountAs(device, folder, type, options).ok()) return std::string(type);
    }
    status = Error(absl::StatusCode::kFailedPrecondition, reason::kIoError,
                   "No file system that the kernel knows was found on it. 'wslm mount --type' names one, '--partition' "
                   "another place for it, '--bare' asks for the device alone.");
  }
  ::rmdir(folder.c_str());
  return status;
}

// "sdc", "sdc1", "sdc2" of a disk "sdc".
std::vector<std::string> WithPartitions(const std::string& disk) {
  std::vector<std::string> names = {disk};
  DIR* directory = ::opendir(("/sys/block/" + disk).c_str());
  if (directory == nullptr) return names;
  while (const dirent* entry = ::readdir(directory)) {
    if (std::string_view(entry->d_name).starts_with(disk)) names.emplace_back(entry->d_name);
  }
  ::closedir(directory);
  return names;
}

// In a child. Answers "DISK TYPE NODE…".
absl::StatusOr<std::string> MountInChild(const DiskMount& request) {
  ASSIGN_OR_RETURN(const Disk disk, WaitForDisk(request.disk_wwid(), kDiskTimeout));
  const std::string name = disk.path.substr(disk.path.rfind('/') + 1);
  if (request.bare()) {
    std::string result = disk.path + " -";
    for (const std::string& node : WithPartitions(name)) result += " " + node;
    return result;
  }
  std::string device = disk.path;
  if (request.partition() != 0) {
    device += std::to_string(request.partition());
    RETURN_IF_ERROR(WaitForNode(device, kPartitionTimeout));
  }
  ASSIGN_OR_RETURN(const std::string type, MountDevice(device, request));
  return disk.path + " " + type;
}

}  // namespace

absl::Status SharedDisks::MakeFolder() {
  ::mkdir(kSharedDisksFolder, 0755);
  if (::mount("wsl", kSharedDisksFolder, "tmpfs", MS_NODEV, "mode=755") != 0 ||
      ::mount(nullptr, kSharedDisksFolder, nullptr, MS_SHARED, nullptr) != 0) {
    return ErrnoError("cannot mount", kSharedDisksFolder);
  }
  return absl::OkStatus();
}

void SharedDisks::Mount(const DiskMount& request, Mounted done) {
  // The name becomes a file name.
  if (request.name().empty() || request.name().starts_with('.') || request.name().find('/') != std::string::npos) {
    return done(Error(absl::StatusCode::kInvalidArgument, reason::kInvalidArgument, "The disk's name is none."), {});
  }
  if (disks_.contains(request.name())) {
    return done(Error(absl::StatusCode::kAlreadyExists, reason::kFileExists, "There is a disk of this name."), {});
  }
  // From now on the name is taken.
  disks_[request.name()] = {};
  RunInChild(
      loop_,
      [request](std::string& result) -> absl::Status {
        ASSIGN_OR_RETURN(result, MountInChild(request));
        return absl::OkStatus();
      },
      [this, request, done = std::move(done)](const absl::Status& status, const std::string& result) {
        if (status.ok()) return MountedInChild(request, result, done);
        disks_.erase(request.name());
        done(status, {});
      });
}

void SharedDisks::MountedInChild(const DiskMount& request, const std::string& result, const Mounted& done) {
  const std::vector<std::string> words = absl::StrSplit(result, ' ');
  Disk& disk = disks_.at(request.name());
  disk.changing = false;
  disk.device = words[0];
  MountedDisk mounted;
  if (!request.bare()) {
    mounted.set_type(words[1]);
    return done(absl::OkStatus(), mounted);
  }
  for (size_t i = 2; i < words.size(); ++i) {
    struct stat status {};
    if (::stat(("/dev/" + words[i]).c_str(), &status) == 0) disk.nodes.push_back({words[i], status.st_rdev});
  }
  Show(disk.nodes);
  mounted.set_device(disk.device.substr(disk.device.rfind('/') + 1));
  done(absl::OkStatus(), mounted);
}

void SharedDisks::Unmount(const std::string& name, std::function<void(const absl::Status&)> done) {
  const auto found = disks_.find(name);
  if (found == disks_.end()) return done(absl::OkStatus());
  Disk& disk = found->second;
  if (disk.changing) return done(Busy(name));
  const wslm::Disk whole{.path = disk.device};
  if (!disk.nodes.empty()) {
    // A distro has mounted it, or a partition of it.
    if (!WaitUntilUnused(whole, absl::ZeroDuration()).ok()) return done(Busy(name));
    Hide(disk.nodes);
  } else if (const std::string folder = FolderOf(name); ::umount2(folder.c_str(), 0) != 0 && errno != EINVAL) {
    // EINVAL: it was unmounted here before, and something held the disk still.
    return done(errno == EBUSY ? Busy(name) : ErrnoError("cannot unmount", folder));
  }
  disk.changing = true;
  RunInChild(
      loop_, [whole](std::string&) { return WaitUntilUnused(whole, kReleaseTimeout); },
      [this, name, done = std::move(done)](const absl::Status& status, const std::string&) {
        UnmountedInChild(name, status, done);
      });
}

void SharedDisks::UnmountedInChild(const std::string& name, const absl::Status& status,
                                   const std::function<void(const absl::Status&)>& done) {
  if (status.ok()) {
    ::rmdir(FolderOf(name).c_str());
    disks_.erase(name);
    return done(status);
  }
  // The host must not take it away: it is known still, and the next try asks again.
  Disk& disk = disks_.at(name);
  disk.changing = false;
  Show(disk.nodes);
  done(absl::IsDeadlineExceeded(status) ? Busy(name) : status);
}

void SharedDisks::ShowIn(pid_t init) {
  for (const auto& [name, disk] : disks_) {
    if (!disk.changing) MakeNodes(init, disk.nodes);
  }
}

void SharedDisks::UnmountAll() {
  for (const auto& [name, disk] : disks_) ::umount2(FolderOf(name).c_str(), 0);
}

void SharedDisks::Show(const std::vector<Node>& nodes) {
  for (const Node& node : nodes) LogIfError("mount", AllowDisk(node.device, true));
  for (const pid_t init : inits_()) MakeNodes(init, nodes);
}

void SharedDisks::Hide(const std::vector<Node>& nodes) {
  for (const Node& node : nodes) LogIfError("unmount", AllowDisk(node.device, false));
  for (const pid_t init : inits_()) RemoveNodes(init, nodes);
}

void SharedDisks::MakeNodes(pid_t init, const std::vector<Node>& nodes) {
  if (nodes.empty()) return;
  const UniqueFd root(::open(("/proc/" + std::to_string(init) + "/root").c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  const auto dev = OpenInRoot(root.get(), "dev", O_RDONLY | O_DIRECTORY);
  if (!LogIfError("mount", dev.status())) return;
  // Not by chmod, which would follow a link that a distro puts there.
  const mode_t mask = ::umask(0);
  for (const Node& node : nodes) {
    if (::mknodat(dev->get(), node.name.c_str(), S_IFBLK | 0660, node.device) != 0 ||
        ::fchownat(dev->get(), node.name.c_str(), 0, kDiskGroup, AT_SYMLINK_NOFOLLOW) != 0) {
      LogIfError("mount", ErrnoError("cannot make", node.name));
    }
  }
  ::umask(mask);
}

void SharedDisks::RemoveNodes(pid_t init, const std::vector<Node>& nodes) {
  if (nodes.empty()) return;
  const UniqueFd root(::open(("/proc/" + std::to_string(init) + "/root").c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  const auto dev = OpenInRoot(root.get(), "dev", O_RDONLY | O_DIRECTORY);
  if (!dev.ok()) return;
  for (const Node& node : nodes) {
    struct stat status {};
    // What a distro has put in its place stays.
    if (::fstatat(dev->get(), node.name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISBLK(status.st_mode) &&
        status.st_rdev == node.device) {
      ::unlinkat(dev->get(), node.name.c_str(), 0);
    }
  }
}

}  // namespace wslm
