#include "runtime-v1/lxcore/guardian.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <ctime>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "distros/host/error.h"
#include "distros/host/files.h"
#include "distros/host/home.h"
#include "distros/host/spawn.h"
#include "distros/host/status_macros.h"

namespace wslm::lxcore {
namespace {

constexpr int kMostUselessStarts = 10;
// Before the second useless start, and twice as long before each that follows: some ten seconds in all.
constexpr int kFirstPauseMs = 20;
// Whoever starts looks at all processes of the distro, on a machine that may be busy.
constexpr int kStartSeconds = 60;
constexpr size_t kMostStarts = 200;
constexpr int64_t kStartsSeconds = 10;
constexpr timespec kCheckTimeout = {.tv_sec = 10, .tv_nsec = 0};

int64_t Seconds() {
  timespec now;
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec;
}

sigset_t SetOf(std::initializer_list<int> signals) {
  sigset_t set;
  ::sigemptyset(&set);
  for (const int signal : signals) ::sigaddset(&set, signal);
  return set;
}

sigset_t GuardedSignals() { return SetOf({SIGCHLD, SIGTERM, SIGHUP}); }

std::string Told(int status) {
  if (WIFSIGNALED(status)) return absl::StrCat("was ended by signal ", WTERMSIG(status));
  return absl::StrCat("ended with ", WEXITSTATUS(status));
}

bool IsSameFile(const struct stat& a, const struct stat& b) {
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino && a.st_size == b.st_size &&
         a.st_mtim.tv_sec == b.st_mtim.tv_sec && a.st_mtim.tv_nsec == b.st_mtim.tv_nsec;
}

// As other processes of the user's may open it.
std::string NameOf(int fd) { return absl::StrCat("/proc/", ::getpid(), "/fd/", fd); }

std::vector<std::string> Environment() {
  std::vector<std::string> environment;
  for (char** variable = environ; *variable != nullptr; ++variable) environment.emplace_back(*variable);
  return environment;
}

// Starts `program` with its descriptors: those of `given` get the numbers from kStateFd on.
absl::StatusOr<pid_t> Spawn(const std::string& program, const std::vector<std::string>& arguments,
                            std::initializer_list<int> given) {
  const int behind = kStateFd + static_cast<int>(given.size());
  std::vector<UniqueFd> high;
  SpawnPlan spawn;
  // Not a session: with autogroups (sched(7)), guests of the caller's session would wait for this one's turn.
  spawn.SetGroup();
  for (const int fd : given) {
    high.emplace_back(::fcntl(fd, F_DUPFD_CLOEXEC, behind));
    if (!high.back()) return ErrnoError("cannot copy", "a descriptor");
    spawn.Give(high.back().get(), kStateFd + static_cast<int>(high.size()) - 1);
  }
  return spawn.Spawn(program, arguments, Environment());
}

// What a starting lxcore says until it closes the pipe; "" when it takes too long.
std::string ReadAnswer(int fd) {
  std::string answer;
  const int64_t end = Seconds() + kStartSeconds;
  for (;;) {
    pollfd readable = {fd, POLLIN, 0};
    const int64_t left = end - Seconds();
    if (left <= 0) return "";
    if (::poll(&readable, 1, static_cast<int>(left) * 1000) <= 0) continue;
    char buffer[2048];
    const ssize_t size = ::read(fd, buffer, sizeof(buffer));
    if (size <= 0) return answer;
    answer.append(buffer, size);
  }
}

// Whether that lxcore says that it can take over; it ends at once.
bool CanTakeOver(const std::string& program, int state) {
  const absl::StatusOr<pid_t> pid = Spawn(program, {"wslm-lxcore", "--check-state"}, {state});
  if (!pid.ok()) return false;
  const sigset_t child = SetOf({SIGCHLD});
  int status = 0;
  pid_t ended;
  while ((ended = ::waitpid(*pid, &status, WNOHANG)) == 0) {
    // Lxcore may end meanwhile: Reap looks at all children, however many signals there were.
    if (::sigtimedwait(&child, nullptr, &kCheckTimeout) < 0 && errno == EAGAIN) ::kill(*pid, SIGKILL);
  }
  ::raise(SIGCHLD);
  return ended == *pid && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

}  // namespace

Guardian::Guardian(ServePlan plan, const Container& container, const SharedState& state,
                   std::function<void(const std::string&)> log)
    : plan_(std::move(plan)), container_(container), state_(state), log_(std::move(log)) {}

void Guardian::BlockSignals(bool foreground) {
  sigset_t blocked = GuardedSignals();
  // Nothing ends it but SIGKILL. In the foreground the terminal's are for the command, and Ctrl-Z stops both.
  if (!foreground) ::sigfillset(&blocked);
  ::sigprocmask(SIG_BLOCK, &blocked, nullptr);
}

std::string Guardian::Program() const { return program_ ? NameOf(program_.get()) : "/proc/self/exe"; }

absl::Status Guardian::StartLxcore() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return ErrnoError("cannot make", "a pipe");
  UniqueFd ready(ends[0]), told(ends[1]);
  ASSIGN_OR_RETURN(lxcore_, Spawn(Program(), ServeArguments(plan_),
                                  {state_.fd(), container_.listener(), container_.process(), state_.files_in(),
                                   state_.files_out(), told.get()}));
  told.Reset();
  const std::string answer = ReadAnswer(ready.get());
  if (answer == "OK\n") return absl::OkStatus();
  int status = 0;
  ::kill(lxcore_, SIGKILL);
  ::waitpid(std::exchange(lxcore_, 0), &status, 0);
  constexpr std::string_view kError = "ERROR ";
  const size_t line_end = answer.find('\n');
  if (!answer.starts_with(kError) || line_end == std::string::npos) {
    return Error(absl::StatusCode::kInternal, reason::kStartFailed, absl::StrCat("lxcore ", Told(status), "."));
  }
  return Error(absl::StatusCode::kFailedPrecondition, answer.substr(kError.size(), line_end - kError.size()),
               answer.substr(line_end + 1));
}

absl::StatusOr<int> Guardian::Guard(bool foreground) {
  // Whoever ends lxcore by name means lxcore.
  ::prctl(PR_SET_NAME, "wslm-guardian");
  const sigset_t signals = GuardedSignals();
  absl::Status failure;
  for (;;) {
    siginfo_t info;
    if (::sigwaitinfo(&signals, &info) < 0) continue;
    if (info.si_signo == SIGHUP && !foreground) {
      Upgrade();
    } else if (info.si_signo != SIGCHLD) {
      KillDistro();
    }
    const absl::StatusOr<bool> ended = Reap();
    if (!ended.ok()) {
      failure = ended.status();
      log_(std::string(failure.message()));
      KillDistro();
    }
    if (!distro_ended_ || lxcore_ != 0) continue;
    if (!failure.ok()) return failure;
    return distro_status_;
  }
}

absl::StatusOr<bool> Guardian::Reap() {
  absl::Status failure;
  int status;
  pid_t pid;
  while ((pid = ::waitpid(-1, &status, WNOHANG)) > 0) {
    if (pid == container_.pid()) {
      distro_ended_ = true;
      distro_status_ = status;
    } else if (pid == lxcore_) {
      lxcore_ = 0;
      if (absl::Status ended = OnLxcoreEnd(status); !ended.ok()) failure = std::move(ended);
    }
  }
  if (!failure.ok()) return failure;
  return distro_ended_ && lxcore_ == 0;
}

absl::Status Guardian::OnLxcoreEnd(int status) {
  pollfd init = {container_.process(), POLLIN, 0};
  if (::poll(&init, 1, 0) > 0) {
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return absl::OkStatus();
    // What it had answered is in the log of the side store, which the next start takes in.
    return Error(absl::StatusCode::kInternal, reason::kIoError,
                 absl::StrCat("lxcore ", Told(status), " when it wrote what it held; its log tells more."));
  }
  state_->last_signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
  std::string how = absl::StrCat("lxcore ", Told(status));
  do {
    if (!MayStartAgain()) {
      return Error(absl::StatusCode::kInternal, reason::kInternal,
                   absl::StrCat(how, " again and again, and the distro was ended; its log tells more."));
    }
    log_(absl::StrCat(how, "; started again"));
    const absl::Status started = StartLxcore();
    if (started.ok()) return started;
    how = absl::StrCat("lxcore did not start: ", started.message());
  } while (true);
}

bool Guardian::MayStartAgain() {
  const uint64_t answered = state_->answered;
  const bool useless = answered == answered_;
  answered_ = answered;
  useless_starts_ = useless ? useless_starts_ + 1 : 0;
  if (std::exchange(takes_over_, false)) {
    useless_starts_ = 0;
  } else if (!useless) {
    upgraded_ = false;
    older_program_.Reset();
  }
  if (upgraded_ && useless_starts_ > 1) {
    log_("the new wslm-lxcore is no good; back to the one before");
    program_ = std::move(older_program_);
    upgraded_ = false;
  }
  if (useless_starts_ > kMostUselessStarts) return false;
  // It may be the host that is out of something for a while.
  if (useless_starts_ > 1 && !Pause(kFirstPauseMs << (useless_starts_ - 2))) return false;
  const int64_t now = Seconds();
  starts_.push_back(now);
  if (starts_.size() <= kMostStarts) return true;
  starts_.pop_front();
  return now - starts_.front() > kStartsSeconds;
}

bool Guardian::Pause(int milliseconds) {
  const sigset_t term = SetOf({SIGTERM});
  const timespec time = {.tv_sec = milliseconds / 1000, .tv_nsec = milliseconds % 1000 * 1'000'000L};
  return ::sigtimedwait(&term, nullptr, &time) != SIGTERM;
}

void Guardian::Upgrade() {
  UniqueFd installed(::open(ProgramPath("wslm-lxcore").c_str(), O_RDONLY | O_CLOEXEC));
  struct stat current, other;
  if (!installed || ::fstat(installed.get(), &other) != 0 || ::stat(Program().c_str(), &current) != 0 ||
      IsSameFile(current, other)) {
    return;
  }
  if (!CanTakeOver(NameOf(installed.get()), state_.fd())) {
    log_("the installed wslm-lxcore can't take over from this one, which goes on until the distro is started again");
    return;
  }
  log_("the installed wslm-lxcore takes over");
  older_program_ = std::exchange(program_, std::move(installed));
  upgraded_ = takes_over_ = true;
  // It may be killed at any time, and is: see Reap.
  ::kill(lxcore_, SIGKILL);
}

void Guardian::KillDistro() { ::syscall(SYS_pidfd_send_signal, container_.process(), SIGKILL, nullptr, 0); }

}  // namespace wslm::lxcore
