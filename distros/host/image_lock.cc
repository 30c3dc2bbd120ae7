#include "distros/host/image_lock.h"

#include <fcntl.h>

#include <cerrno>

#include "distros/host/error.h"

namespace wslm {
namespace {

// QEMU locks bytes 100 to 299 of an image (block/file-posix.c: 100 + permission, 200 + shared permission).
constexpr off_t kLockedByte = 4096;

}  // namespace

absl::StatusOr<UniqueFd> LockImage(const std::string& image) {
  UniqueFd fd(::open(image.c_str(), O_RDWR | O_CLOEXEC));
  if (!fd && errno == ENOENT) {
    return Error(absl::StatusCode::kNotFound, reason::kFileNotFound, "There is no disk image " + Escaped(image) + ".",
                 {{"path", image}});
  }
  if (!fd) return ErrnoError("cannot open", image);
  struct flock lock {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  lock.l_start = kLockedByte;
  lock.l_len = 1;
  if (::fcntl(fd.get(), F_OFD_SETLK, &lock) == 0) return fd;
  if (errno != EAGAIN && errno != EACCES) return ErrnoError("cannot lock", image);
  return Error(absl::StatusCode::kFailedPrecondition, reason::kDistroRunning,
               "The disk image " + Escaped(image) + " is in use.", {{"path", image}});
}

}  // namespace wslm
