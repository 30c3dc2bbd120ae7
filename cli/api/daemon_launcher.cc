#include "cli/api/daemon_launcher.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "cli/api/address.h"
#include "distros/host/error.h"
#include "distros/host/spawn.h"
#include "distros/host/status_macros.h"

namespace wslm::cli {
namespace {

constexpr absl::Duration kStartTimeout = absl::Seconds(10);
constexpr absl::Duration kPoll = absl::Milliseconds(5);

bool IsKept(std::string_view variable) {
  const std::string_view name = variable.substr(0, variable.find('='));
  // A daemon is not the client of another one.
  if (name == "WSLM_HOST") return false;
  for (std::string_view prefix : {"WSLM_", "XDG_", "LC_"}) {
    if (name.starts_with(prefix)) return true;
  }
  for (std::string_view kept : {"HOME", "PATH", "LANG", "TZ", "http_proxy", "https_proxy", "ftp_proxy", "all_proxy",
                                "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "ALL_PROXY", "NO_PROXY"}) {
    if (name == kept) return true;
  }
  return false;
}

// Whether the caller, who has it blocked, was asked to stop.
bool StopRequested() {
  sigset_t pending;
  sigpending(&pending);
  return sigismember(&pending, SIGINT) == 1 || sigismember(&pending, SIGTERM) == 1;
}

std::string HowItEnded(int status) {
  if (WIFSIGNALED(status)) return absl::StrCat("was ended by signal ", WTERMSIG(status));
  return absl::StrCat("ended with code ", WEXITSTATUS(status));
}

}  // namespace

std::vector<std::string> DaemonEnvironment(const char* const* environment) {
  std::vector<std::string> kept;
  for (; *environment != nullptr; ++environment) {
    if (IsKept(*environment)) kept.emplace_back(*environment);
  }
  return kept;
}

absl::StatusOr<UniqueFd> DaemonLauncher::ConnectOnly() const { return ConnectSocket(home_.DaemonSocket()); }

absl::StatusOr<UniqueFd> DaemonLauncher::Connect() {
  absl::StatusOr<UniqueFd> connected = ConnectOnly();
  if (connected.ok() || !absl::IsNotFound(connected.status())) return connected;
  RETURN_IF_ERROR(home_.Create());
  const std::string lock_path = home_.run + "/wslmd.start.lock";
  UniqueFd lock(open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!lock) return ErrnoError("cannot open", lock_path);
  const absl::Time deadline = absl::Now() + kStartTimeout;
  while (flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK && errno != EINTR) return ErrnoError("cannot lock", lock_path);
    if (StopRequested()) return absl::CancelledError("Interrupted.");
    if (absl::Now() > deadline) {
      return Error(absl::StatusCode::kUnavailable, reason::kStartFailed,
                   "Another wslm is starting wslmd and has not finished in 10 s.");
    }
    absl::SleepFor(kPoll);
  }
  connected = ConnectOnly();
  if (connected.ok() || !absl::IsNotFound(connected.status())) return connected;
  while (true) {
    ASSIGN_OR_RETURN(const pid_t pid, Spawn());
    connected = WaitForSocket(pid);
    // It found the one before, which is just ending and no longer listens.
    if (!absl::IsAborted(connected.status()) || absl::Now() > deadline) return connected;
    absl::SleepFor(10 * kPoll);
  }
}

absl::StatusOr<pid_t> DaemonLauncher::Spawn() const {
  if (program_.empty()) {
    return Error(absl::StatusCode::kNotFound, reason::kStartFailed,
                 "wslmd is not installed: it is neither beside wslm, nor in ../libexec/wslm, nor in $WSLM_LIBEXEC.");
  }
  signal(SIGCHLD, SIG_DFL);
  SpawnPlan plan;
  plan.SetDaemon();
  // What the daemon says before it has a log, and what a crash of it says.
  plan.SetOutput(OutputPath(), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND);
  absl::StatusOr<pid_t> pid = plan.Spawn(program_, {program_}, DaemonEnvironment(environ));
  if (!pid.ok()) return WithContext(pid.status(), "The daemon did not start");
  return pid;
}

absl::StatusOr<UniqueFd> DaemonLauncher::WaitForSocket(pid_t pid) const {
  const absl::Time deadline = absl::Now() + kStartTimeout;
  while (absl::Now() < deadline) {
    absl::StatusOr<UniqueFd> connected = ConnectOnly();
    if (connected.ok() || !absl::IsNotFound(connected.status())) {
      // Whenever it ends, it must not stay as a zombie of ours: others wait for its process to go.
      signal(SIGCHLD, SIG_IGN);
      // Nor the one before, if that was ours too and ended while this one began. This program has no other children.
      while (waitpid(-1, nullptr, WNOHANG) > 0) {
      }
      return connected;
    }
    int status = 0;
    if (waitpid(pid, &status, WNOHANG) == pid) {
      if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return absl::AbortedError("Another wslmd holds the lock.");
      return StartFailure(HowItEnded(status));
    }
    if (StopRequested()) return absl::CancelledError("Interrupted.");
    absl::SleepFor(kPoll);
  }
  return StartFailure("does not listen after 10 s");
}

absl::Status DaemonLauncher::StartFailure(const std::string& how) const {
  constexpr size_t kLines = 10;
  std::vector<std::string> lines;
  std::ifstream output(OutputPath());
  for (std::string line; std::getline(output, line);) {
    lines.push_back(absl::StrCat("  ", line));
    if (lines.size() > kLines) lines.erase(lines.begin());
  }
  std::string message = absl::StrCat("wslmd ", how, ".");
  if (!lines.empty()) absl::StrAppend(&message, " Its last words:\n", absl::StrJoin(lines, "\n"));
  return Error(absl::StatusCode::kUnavailable, reason::kStartFailed, message);
}

}  // namespace wslm::cli
