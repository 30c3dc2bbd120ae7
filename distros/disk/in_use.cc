#include "distros/disk/in_use.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "distros/host/error.h"
#include "distros/host/files.h"

namespace wslm::disk {
namespace {

// QEMU: 100 + the number of the permission to write (block/file-posix.c). Ours: image_lock.cc.
constexpr off_t kWriteLocks[] = {101, 4096};

// One of sysfs' files without the newline; empty when it can't be read.
std::string Fact(const std::filesystem::path& file) {
  return std::string(absl::StripSuffix(ReadSmallFile(file).value_or(""), "\n"));
}

// The loop device that may write into the file; empty: none.
std::string LoopDeviceOf(int fd, const std::string& block_devices) {
  struct stat file {};
  if (::fstat(fd, &file) != 0) return "";
  std::error_code error;
  for (const auto& device : std::filesystem::directory_iterator(block_devices, error)) {
    const std::string backing = Fact(device.path() / "loop/backing_file");
    struct stat behind {};
    // It may be gone, or be named as another mount namespace sees it.
    if (backing.empty() || ::stat(backing.c_str(), &behind) != 0) continue;
    if (behind.st_dev != file.st_dev || behind.st_ino != file.st_ino || Fact(device.path() / "ro") == "1") continue;
    return device.path().filename();
  }
  return "";
}

}  // namespace

absl::Status CheckNotInUse(int fd, const std::string& path, const std::string& block_devices) {
  for (const off_t byte : kWriteLocks) {
    struct flock lock {};
    lock.l_type = F_WRLCK;
    lock.l_whence = SEEK_SET;
    lock.l_start = byte;
    lock.l_len = 1;
    // File systems without locks can't tell.
    if (::fcntl(fd, F_OFD_GETLK, &lock) != 0 || lock.l_type == F_UNLCK) continue;
    return Error(absl::StatusCode::kFailedPrecondition, reason::kDistroRunning,
                 absl::StrCat("The disk image ", Escaped(path), " is in use. Stop the distro or machine that uses it."),
                 {{"path", path}});
  }
  const std::string loop = LoopDeviceOf(fd, block_devices);
  if (loop.empty()) return absl::OkStatus();
  return Error(absl::StatusCode::kFailedPrecondition, reason::kDistroRunning,
               absl::StrCat("The host uses the disk image ", Escaped(path), " as /dev/", Escaped(loop),
                            ": unmount it there first, and 'losetup -d' the device if it stays."),
               {{"path", path}});
}

}  // namespace wslm::disk
