#include "daemon/process.h"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <clocale>
#include <csignal>
#include <cstdlib>

#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "distros/host/error.h"

namespace wslm::daemon {
namespace {

// A signal handler has no other way to find it.
std::atomic<int> stop_event{-1};

void HandleStop(int) {
  const int saved = errno;
  ::eventfd_write(stop_event.load(), 1);
  errno = saved;
}

// Unlike SIG_IGN a handler is gone after exec, so that the programs of a distro still die of a broken pipe.
void HandleNothing(int) {}

int ActivatedSocketCount() {
  const char* pid = ::getenv("LISTEN_PID");
  const char* count = ::getenv("LISTEN_FDS");
  int pid_value = 0;
  int count_value = 0;
  if (pid == nullptr || count == nullptr || !absl::SimpleAtoi(pid, &pid_value) || pid_value != ::getpid()) return 0;
  return absl::SimpleAtoi(count, &count_value) && count_value > 0 ? count_value : 0;
}

}  // namespace

absl::Status DetachFromStarter() {
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd) {
    if (::fcntl(fd, F_GETFD) < 0 && ::open("/dev/null", O_RDWR) != fd) return ErrnoError("cannot open", "/dev/null");
  }
  ::close_range(STDERR_FILENO + 1 + ActivatedSocketCount(), ~0U, 0);
  if (::chdir("/") != 0) return ErrnoError("cannot enter", "/");
  ::umask(077);
  ::setlocale(LC_CTYPE, "C.UTF-8");
  return absl::OkStatus();
}

absl::StatusOr<UniqueFd> CatchStopSignals() {
  UniqueFd event(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!event) return ErrnoError("cannot make", "an event descriptor");
  stop_event = event.get();
  struct sigaction action {};
  action.sa_flags = SA_RESTART;
  action.sa_handler = HandleStop;
  ::sigaction(SIGTERM, &action, nullptr);
  ::sigaction(SIGINT, &action, nullptr);
  action.sa_handler = HandleNothing;
  ::sigaction(SIGPIPE, &action, nullptr);
  ::sigaction(SIGHUP, &action, nullptr);
  // What the starter blocked would stay blocked in all that is started from here.
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  return event;
}

void RequestStop() { ::eventfd_write(stop_event.load(), 1); }

}  // namespace wslm::daemon
