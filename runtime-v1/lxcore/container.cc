#include "runtime-v1/lxcore/container.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "distros/host/error.h"
#include "distros/host/spawn.h"
#include "distros/host/status_macros.h"
#include "runtime-v1/lxcore/filter.h"
#include "runtime-v1/lxcore/identities.h"

namespace wslm::lxcore {
namespace {

constexpr int kNotStarted = 127;

// What the new process tells: the number of its listener, or why there is none.
struct Report {
  int listener = -1;
  char reason[64] = "";
  char message[1024] = "";
};

struct Pipe {
  UniqueFd read, write;
};

absl::StatusOr<Pipe> MakePipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return ErrnoError("cannot make", "a pipe");
  return Pipe{UniqueFd(ends[0]), UniqueFd(ends[1])};
}

// Closes all but the standard streams, `also` and the kept ones.
void CloseOthers(std::vector<int> keep) {
  std::sort(keep.begin(), keep.end());
  unsigned from = STDERR_FILENO + 1;
  for (int fd : keep) {
    if (fd < static_cast<int>(from)) continue;
    if (fd > static_cast<int>(from)) ::close_range(from, fd - 1, 0);
    from = fd + 1;
  }
  ::close_range(from, ~0U, 0);
}

void ResetSignals() {
  for (int signal = 1; signal < NSIG; ++signal) ::signal(signal, SIG_DFL);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

std::vector<std::string> Environment() {
  std::vector<std::string> environment = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                                          "HOME=/root"};
  if (const char* term = ::getenv("TERM")) environment.push_back(std::string("TERM=") + term);
  return environment;
}

// Process 1 without an init of its own: runs the command and reaps until it ends.
[[noreturn]] void RunReaper(const ContainerPlan& plan) {
  const std::vector<std::string> environment = Environment();
  const pid_t child = ::fork();
  if (child == 0) {
    ::execvpe(plan.arguments[0].c_str(), ExecPointers(plan.arguments).data(), ExecPointers(environment).data());
    ::dprintf(STDERR_FILENO, "%s: %s\n", plan.arguments[0].c_str(), std::strerror(errno));
    ::_exit(kNotStarted);
  }
  // Ctrl-C is for the command.
  ::signal(SIGINT, SIG_IGN);
  ::signal(SIGQUIT, SIG_IGN);
  for (;;) {
    int status;
    const pid_t ended = ::wait(&status);
    if (ended < 0 && errno != EINTR) ::_exit(kNotStarted);
    if (ended == child) ::_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
  }
}

absl::Status SetUp(const ContainerPlan& plan) {
  // Before anything is made: /etc/hosts and the mount points must be readable to every user inside.
  ::umask(022);
  // The guardian's end is the distro's: without it, calls would fail one by one.
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) return ErrnoError("cannot set", "the parent-death signal");
  if (!plan.foreground && ::setsid() < 0) return ErrnoError("cannot make", "a session");
  if (::sethostname(plan.hostname.data(), plan.hostname.size()) != 0) {
    return ErrnoError("cannot set the host name", plan.hostname);
  }
  RETURN_IF_ERROR(EnterDistro(plan.mounts));
  // Where everybody's identity starts from: see identities.h. Real-time threads have no slack of their own, and get
  // that of their creator back when they leave: none may be one, and that can't be raised again.
  constexpr rlimit kNone = {0, 0};
  constexpr sched_param kOrdinary = {};
  if (::setrlimit(RLIMIT_RTPRIO, &kNone) != 0) return ErrnoError("cannot set", "RLIMIT_RTPRIO");
  const int policy = ::sched_getscheduler(0) & ~SCHED_RESET_ON_FORK;
  if ((policy == SCHED_FIFO || policy == SCHED_RR) && ::sched_setscheduler(0, SCHED_OTHER, &kOrdinary) != 0) {
    return ErrnoError("cannot leave", "the real-time scheduler");
  }
  if (::prctl(PR_SET_TIMERSLACK, kFirstSlack, 0, 0, 0) != 0) return ErrnoError("cannot set", "the timer slack");
  return absl::OkStatus();
}

void Tell(int fd, const Report& report) {
  const ssize_t written = ::write(fd, &report, sizeof(report));
  if (written != sizeof(report)) ::_exit(kNotStarted);
}

[[noreturn]] void BeFirstProcess(const ContainerPlan& plan, Pipe report_pipe, Pipe go_pipe) {
  report_pipe.read.Reset();
  go_pipe.write.Reset();
  ResetSignals();
  Report report;
  absl::Status status = SetUp(plan);
  UniqueFd listener;
  if (status.ok()) {
    absl::StatusOr<UniqueFd> installed =
        InstallFilter(BuildFilter(SyscallTable(), plan.fast_path ? FastCalls() : std::span<const int>()));
    status = installed.status();
    if (installed.ok()) listener = *std::move(installed);
  }
  if (!status.ok()) {
    std::string(ReasonOf(status)).copy(report.reason, sizeof(report.reason) - 1);
    std::string(status.message()).copy(report.message, sizeof(report.message) - 1);
    Tell(report_pipe.write.get(), report);
    ::_exit(kNotStarted);
  }
  report.listener = listener.get();
  Tell(report_pipe.write.get(), report);
  char go;
  if (::read(go_pipe.read.get(), &go, 1) != 1) ::_exit(kNotStarted);
  std::vector<int> keep = plan.kept;
  if (plan.init) keep.push_back(plan.init.get());
  CloseOthers(keep);
  if (!plan.init) RunReaper(plan);
  for (int fd : plan.kept) ::fcntl(fd, F_SETFD, 0);
  const std::vector<std::string> environment = Environment();
  ::execveat(plan.init.get(), "", ExecPointers(plan.arguments).data(), ExecPointers(environment).data(), AT_EMPTY_PATH);
  ::dprintf(STDERR_FILENO, "cannot start wslm-init: %s\n", std::strerror(errno));
  ::_exit(kNotStarted);
}

}  // namespace

absl::StatusOr<Container> Container::Make(const ContainerPlan& plan) {
  ASSIGN_OR_RETURN(Pipe report_pipe, MakePipe());
  ASSIGN_OR_RETURN(Pipe go_pipe, MakePipe());
  Container container;
  int process = -1;
  constexpr uint64_t kFlags =
      CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_PIDFD | static_cast<uint64_t>(SIGCHLD);
  const long pid = ::syscall(SYS_clone, kFlags, nullptr, &process, nullptr, nullptr);
  if (pid < 0) return ErrnoError("cannot make", "namespaces");
  if (pid == 0) BeFirstProcess(plan, std::move(report_pipe), std::move(go_pipe));
  container.pid_ = static_cast<pid_t>(pid);
  container.process_.Reset(process);
  report_pipe.write.Reset();
  go_pipe.read.Reset();
  Report report;
  const ssize_t size = ::read(report_pipe.read.get(), &report, sizeof(report));
  if (size != sizeof(report)) {
    ::waitpid(container.pid_, nullptr, 0);
    return Error(absl::StatusCode::kInternal, reason::kStartFailed, "The distro's first process ended at once.");
  }
  if (report.listener < 0) {
    ::waitpid(container.pid_, nullptr, 0);
    return Error(absl::StatusCode::kFailedPrecondition, report.reason, report.message);
  }
  container.listener_.Reset(static_cast<int>(::syscall(SYS_pidfd_getfd, process, report.listener, 0)));
  if (!container.listener_) return ErrnoError("cannot take", "the filter's listener");
  container.go_ = std::move(go_pipe.write);
  return container;
}

absl::Status Container::Release() {
  if (::write(go_.get(), "g", 1) != 1) return ErrnoError("cannot start", "the distro's first process");
  go_.Reset();
  return absl::OkStatus();
}

}  // namespace wslm::lxcore
