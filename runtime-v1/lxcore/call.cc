#include "runtime-v1/lxcore/call.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>

namespace wslm::lxcore {

bool Call::StillWaiting() const {
  uint64_t id = n_.id;
  return ::ioctl(listener_, SECCOMP_IOCTL_NOTIF_ID_VALID, &id) == 0;
}

int Call::GiveDescriptor(int fd, bool close_on_exec) const {
  seccomp_notif_addfd add = {};
  add.id = n_.id;
  add.srcfd = static_cast<uint32_t>(fd);
  add.newfd_flags = close_on_exec ? O_CLOEXEC : 0;
  int number;
  // A signal came, and nothing was given.
  while ((number = ::ioctl(listener_, SECCOMP_IOCTL_NOTIF_ADDFD, &add)) < 0 && errno == EINTR) {
  }
  return number >= 0 ? number : -errno;
}

}  // namespace wslm::lxcore
