#include "runtime-v1/lxcore/call.h"

#include <sys/ioctl.h>

namespace wslm::lxcore {

bool Call::StillWaiting() const {
  uint64_t id = n_.id;
  return ::ioctl(listener_, SECCOMP_IOCTL_NOTIF_ID_VALID, &id) == 0;
}

}  // namespace wslm::lxcore
