#include "runtime-v2/agent/disk.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/swap.h>

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <thread>

#include "distros/host/error.h"
#include "distros/host/files.h"
#include "distros/host/status_macros.h"
#include "distros/host/unique_fd.h"
#include "runtime-v2/agent/file.h"

namespace wslm {
namespace {

// The VM's clock is set while it runs: deadlines go by the steady one.
using Clock = std::chrono::steady_clock;

void Pause() { std::this_thread::sleep_for(std::chrono::milliseconds(3)); }

std::string NameOfDisk(const std::string& wwid) {
  DIR* directory = ::opendir("/sys/block");
  if (directory == nullptr) return "";
  std::string found;
  while (const dirent* entry = ::readdir(directory)) {
    if (entry->d_name[0] == '.') continue;
    const auto text = ReadSmallFile(std::string("/sys/block/") + entry->d_name + "/device/wwid");
    if (text.ok() && *text == wwid + "\n") found = entry->d_name;
  }
  ::closedir(directory);
  return found;
}

// include/uapi/linux/ext4.h, which Debian's headers don't have: the new size in blocks.
constexpr unsigned long kExt4ResizeFs = _IOW('f', 16, uint64_t);
// The kernel asks the disk by itself; when it hasn't by then it is made to.
constexpr std::chrono::milliseconds kRescanAfter{500};

constexpr absl::Duration kSwapTimeout = absl::Seconds(30);

int64_t SizeOf(const std::string& path) {
  const UniqueFd disk(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  uint64_t size = 0;
  return disk && ::ioctl(disk.get(), BLKGETSIZE64, &size) == 0 ? static_cast<int64_t>(size) : -1;
}

// The node stands in /dev before the disk answers: ENXIO, ENOMEDIUM or a size of 0 mean "soon".
bool CanBeRead(const std::string& path) { return SizeOf(path) > 0; }

}  // namespace

absl::StatusOr<Disk> WaitForDisk(const std::string& wwid, absl::Duration timeout) {
  for (const auto deadline = Clock::now() + absl::ToChronoMilliseconds(timeout); Clock::now() < deadline; Pause()) {
    const std::string name = NameOfDisk(wwid);
    if (name.empty()) continue;
    Disk disk{.path = "/dev/" + name};
    struct stat status {};
    if (!CanBeRead(disk.path) || ::stat(disk.path.c_str(), &status) != 0) continue;
    disk.device = status.st_rdev;
    return disk;
  }
  return Error(absl::StatusCode::kDeadlineExceeded, reason::kStartFailed,
               "The distro's disk " + Escaped(wwid) + " did not appear in the VM.");
}

absl::Status WaitUntilUnused(const Disk& disk, absl::Duration timeout) {
  for (const auto deadline = Clock::now() + absl::ToChronoMilliseconds(timeout);; Pause()) {
    // On a block device O_EXCL means: nobody else has it mounted or open so.
    const UniqueFd alone(::open(disk.path.c_str(), O_RDONLY | O_EXCL | O_CLOEXEC));
    if (alone || errno != EBUSY) return absl::OkStatus();
    if (Clock::now() > deadline) {
      return Error(absl::StatusCode::kDeadlineExceeded, reason::kIoError, "The distro's disk is still in use.");
    }
  }
}

absl::Status WaitForNode(const std::string& path, absl::Duration timeout) {
  struct stat status {};
  for (const auto deadline = Clock::now() + absl::ToChronoMilliseconds(timeout); Clock::now() < deadline; Pause()) {
    if (::stat(path.c_str(), &status) == 0 && CanBeRead(path)) return absl::OkStatus();
  }
  return Error(absl::StatusCode::kNotFound, reason::kFileNotFound, "The disk has no such partition.");
}

absl::Status GrowFileSystem(const std::string& disk, const std::string& mount_point, int64_t bytes,
                            absl::Duration timeout) {
  const auto begin = Clock::now();
  bool asked = false;
  while (SizeOf(disk) < bytes) {
    if (Clock::now() > begin + absl::ToChronoMilliseconds(timeout)) {
      return Error(absl::StatusCode::kDeadlineExceeded, reason::kIoError, "The VM does not see the disk's new size.");
    }
    if (!asked && Clock::now() > begin + kRescanAfter) {
      asked = true;
      RETURN_IF_ERROR(WriteInOne("/sys/block/" + disk.substr(disk.rfind('/') + 1) + "/device/rescan", "1"));
    }
    Pause();
  }
  const UniqueFd root(::open(mount_point.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  struct statfs status {};
  if (!root || ::fstatfs(root.get(), &status) != 0) return ErrnoError("cannot open", mount_point);
  const uint64_t blocks = static_cast<uint64_t>(bytes / status.f_bsize);
  if (::ioctl(root.get(), kExt4ResizeFs, &blocks) != 0) return ErrnoError("cannot resize", mount_point);
  return absl::OkStatus();
}

absl::Status SwapOn(const std::string& wwid) {
  ASSIGN_OR_RETURN(const Disk disk, WaitForDisk(wwid, kSwapTimeout));
  // What is no longer needed in it is given back to the host.
  if (::swapon(disk.path.c_str(), SWAP_FLAG_DISCARD) != 0) return ErrnoError("cannot swap on", disk.path);
  return absl::OkStatus();
}

absl::Status Trim(const std::string& mount_point) {
  const UniqueFd root(::open(mount_point.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!root) return ErrnoError("cannot open", mount_point);
  fstrim_range range{.start = 0, .len = UINT64_MAX, .minlen = 0};
  if (::ioctl(root.get(), FITRIM, &range) != 0) return ErrnoError("cannot trim", mount_point);
  return absl::OkStatus();
}

}  // namespace wslm
