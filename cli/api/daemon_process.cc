#include "cli/api/daemon_process.h"

#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "distros/host/error.h"
#include "distros/host/unique_fd.h"

namespace wslm::cli {
namespace {

constexpr char kName[] = "wslmd";
// What SIGKILL takes at most, unless the kernel is stuck in a call of the process.
constexpr absl::Duration kKillTime = absl::Seconds(5);

std::string NameOf(pid_t pid) {
  std::ifstream file(absl::StrCat("/proc/", pid, "/comm"));
  std::string name;
  std::getline(file, name);
  return name;
}

// Empty, and errno set, when there is no such process.
UniqueFd Open(pid_t pid) { return UniqueFd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0))); }

// A descriptor of a process becomes readable when it ends.
bool WaitForEndOf(const UniqueFd& process, absl::Duration timeout) {
  const absl::Time deadline = absl::Now() + timeout;
  pollfd polled = {process.get(), POLLIN, 0};
  while (true) {
    const auto left = absl::ToInt64Milliseconds(absl::Ceil(deadline - absl::Now(), absl::Milliseconds(1)));
    const int ready = poll(&polled, 1, static_cast<int>(left > 0 ? left : 0));
    if (ready > 0) return true;
    if (ready == 0 || errno != EINTR) return false;
  }
}

absl::Status Send(const UniqueFd& process, int signal) {
  if (syscall(SYS_pidfd_send_signal, process.get(), signal, nullptr, 0) == 0 || errno == ESRCH) return absl::OkStatus();
  return ErrnoError("cannot end", kName);
}

}  // namespace

bool WaitForEnd(pid_t pid, absl::Duration timeout) {
  if (pid <= 0) return true;
  const UniqueFd process = Open(pid);
  return !process || WaitForEndOf(process, timeout);
}

absl::StatusOr<std::string> EndUnresponsiveDaemon(pid_t pid, absl::Duration patience) {
  // Before the name is read: it is then of the process that gets the signals.
  const UniqueFd process = Open(pid);
  if (!process && errno == ESRCH) return "wslmd has ended.";
  if (!process || NameOf(pid) != kName) {
    return Error(absl::StatusCode::kFailedPrecondition, reason::kInternal,
                 "wslmd does not answer, and which process it is can't be told: another one listens in its place. If "
                 "that is systemd, 'systemctl --user kill --signal=SIGKILL wslmd.service' ends it.");
  }
  if (absl::Status status = Send(process, SIGTERM); !status.ok()) return status;
  if (WaitForEndOf(process, patience)) {
    return absl::StrCat("wslmd (process ", pid, ") did not answer; SIGTERM has ended it.");
  }
  if (absl::Status status = Send(process, SIGKILL); !status.ok()) return status;
  if (!WaitForEndOf(process, kKillTime)) {
    return Error(absl::StatusCode::kDeadlineExceeded, reason::kInternal,
                 absl::StrCat("wslmd (process ", pid, ") outlives SIGKILL: it is stuck in the kernel."));
  }
  return absl::StrCat("wslmd (process ", pid, ") did not answer, nor end within ", absl::FormatDuration(patience),
                      " of SIGTERM; SIGKILL has ended it. The next one makes good what it was doing.");
}

}  // namespace wslm::cli
