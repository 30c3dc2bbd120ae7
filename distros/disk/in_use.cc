#include "distros/disk/in_use.h"

#include <fcntl.h>
#include <unistd.h>

#include "absl/strings/str_cat.h"
#include "distros/host/error.h"

namespace wslm::disk {
namespace {

// QEMU: 100 + the number of the permission to write (block/file-posix.c). Ours: image_lock.cc.
constexpr off_t kWriteLocks[] = {101, 4096};

}  // namespace

absl::Status CheckNotInUse(int fd, const std::string& path) {
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
  return absl::OkStatus();
}

}  // namespace wslm::disk
