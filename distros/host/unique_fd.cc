#include "distros/host/unique_fd.h"

#include <cerrno>

namespace wslm {

void UniqueFd::Reset(int fd) {
  if (fd_ >= 0) {
    const int saved = errno;
    ::close(fd_);
    errno = saved;
  }
  fd_ = fd;
}

}  // namespace wslm
