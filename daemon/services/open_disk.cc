#include "daemon/services/open_disk.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "distros/disk/disk_format.h"
#include "distros/disk/in_use.h"
#include "distros/disk/qemu_img.h"
#include "distros/host/error.h"
#include "distros/host/files.h"
#include "distros/host/image_lock.h"
#include "distros/host/status_macros.h"

namespace wslm::daemon {
namespace {

bool IsReadOnly(int error) { return error == EACCES || error == EPERM || error == EROFS; }

absl::StatusOr<OpenedDisk> OpenDevice(const std::string& path) {
  OpenedDisk disk{.format = "device", .driver = "raw"};
  // On a block device O_EXCL means that the host has not mounted it, and can't as long as it is open.
  disk.fd.Reset(::open(path.c_str(), O_RDWR | O_EXCL | O_NONBLOCK | O_CLOEXEC));
  if (!disk.fd && IsReadOnly(errno)) {
    disk.read_only = true;
    disk.fd.Reset(::open(path.c_str(), O_RDONLY | O_EXCL | O_NONBLOCK | O_CLOEXEC));
  }
  if (disk.fd) return disk;
  if (errno == EBUSY) {
    return Error(absl::StatusCode::kFailedPrecondition, reason::kDistroRunning,
                 absl::StrCat("The host uses the disk ", Escaped(path), ": unmount it there first."), {{"path", path}});
  }
  return ErrnoError("cannot open", path);
}

absl::StatusOr<OpenedDisk> OpenImageFile(const std::string& path) {
  OpenedDisk disk;
  ASSIGN_OR_RETURN(UniqueFd reader, OpenFile(path, O_RDONLY | O_NONBLOCK));
  ASSIGN_OR_RETURN(const DiskFacts facts, InspectDisk(reader.get(), path));
  disk.format = DiskFormatName(facts.format);
  disk.driver = std::string(disk::QemuDriver(facts.format));
  RETURN_IF_ERROR(disk::CheckNotInUse(reader.get(), path));
  auto locked = LockImage(path);
  if (locked.ok()) {
    disk.fd = *std::move(locked);
    // Both must be the same file, whatever happens to the name.
    struct stat looked_at {};
    struct stat opened {};
    if (::fstat(reader.get(), &looked_at) != 0 || ::fstat(disk.fd.get(), &opened) != 0) {
      return ErrnoError("cannot look at", path);
    }
    if (looked_at.st_dev == opened.st_dev && looked_at.st_ino == opened.st_ino) return disk;
    return Error(absl::StatusCode::kAborted, reason::kIoError,
                 absl::StrCat(Escaped(path), " changed while it was opened."), {{"path", path}});
  }
  if (!absl::IsPermissionDenied(locked.status())) return locked.status();
  disk.read_only = true;
  disk.fd = std::move(reader);
  return disk;
}

}  // namespace

absl::StatusOr<OpenedDisk> OpenDisk(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) {
    if (errno != ENOENT) return ErrnoError("cannot open", path);
    return Error(absl::StatusCode::kNotFound, reason::kFileNotFound,
                 absl::StrCat("There is no disk or disk image ", Escaped(path), "."), {{"path", path}});
  }
  if (S_ISDIR(status.st_mode)) {
    return Error(absl::StatusCode::kInvalidArgument, reason::kUnsupportedFormat,
                 absl::StrCat(Escaped(path),
                              " is a folder, neither a disk nor an image of one. The host's folders are "
                              "seen in distros without it, below /mnt/host."),
                 {{"path", path}});
  }
  return S_ISBLK(status.st_mode) ? OpenDevice(path) : OpenImageFile(path);
}

}  // namespace wslm::daemon
