// Wakes a thread that polls.
#ifndef WSLM_CLI_TERMINAL_WAKE_FD_H_
#define WSLM_CLI_TERMINAL_WAKE_FD_H_

#include <sys/eventfd.h>
#include <unistd.h>

#include <cstdint>

#include "distros/host/unique_fd.h"

namespace wslm::cli {

// Thread-safe.
class WakeFd {
 public:
  WakeFd() : fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

  // Readable from Wake() to Clear().
  int fd() const { return fd_.get(); }
  void Wake() {
    const uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = write(fd_.get(), &one, sizeof(one));
  }
  void Clear() {
    uint64_t count = 0;
    [[maybe_unused]] const ssize_t taken = read(fd_.get(), &count, sizeof(count));
  }

 private:
  UniqueFd fd_;
};

}  // namespace wslm::cli

#endif  // WSLM_CLI_TERMINAL_WAKE_FD_H_
