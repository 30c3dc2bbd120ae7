#include "runtime-v1/lxcore/guest_socket.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <charconv>
#include <string>

#include "runtime-v1/lxcore/process_facts.h"

namespace wslm::lxcore {

UniqueFd CopyOfGuestSocket(const Call& call, int fd) {
  UniqueFd process(static_cast<int>(::syscall(SYS_pidfd_open, call.tid(), 0)));
  if (!process) {
    // A thread that isn't its process' first: its descriptors are the process'.
    const std::string status = ReadProcFile(AT_FDCWD, std::to_string(call.tid()) + "/status");
    const std::string_view field = StatusField(status, "Tgid");
    pid_t pid = 0;
    std::from_chars(field.data(), field.data() + field.size(), pid);
    process.Reset(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  }
  return UniqueFd(static_cast<int>(::syscall(SYS_pidfd_getfd, process.get(), fd, 0)));
}

}  // namespace wslm::lxcore
