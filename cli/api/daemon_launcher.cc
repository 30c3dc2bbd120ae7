#include "cli/api/daemon_launcher.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
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
  for (std::string_view kept : {"HOME", "PATH", "LANG", "TZ", "http_proxy", "https_proxy", "no_proxy"}) {
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

std::vector<char*> Pointers(std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  for (std::string& string : strings) pointers.push_back(string.data());
  pointers.push_back(nullptr);
  return pointers;
}

std::string HowItEnded(int status) {
  if (WIFSIGNALED(status)) return absl::StrCat("was ended by signal ", WTERMSIG(status));
  return absl::StrCat("ended with code ", WEXITSTATUS(status));
}

// The attributes and file actions of posix_spawn.
class SpawnSettings {
 public:
  SpawnSettings() {
    posix_spawnattr_init(&attributes_);
    posix_spawn_file_actions_init(&actions_);
  }
  ~SpawnSettings() {
    posix_spawn_file_actions_destroy(&actions_);
    posix_spawnattr_destroy(&attributes_);
  }
  SpawnSettings(const SpawnSettings&) = delete;
  SpawnSettings& operator=(const SpawnSettings&) = delete;

  posix_spawnattr_t* attributes() { return &attributes_; }
  posix_spawn_file_actions_t* actions() { return &actions_; }

 private:
  posix_spawnattr_t attributes_;
  posix_spawn_file_actions_t actions_;
};

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
  SpawnSettings settings;
  posix_spawn_file_actions_addopen(settings.actions(), 0, "/dev/null", O_RDONLY, 0);
  // What the daemon says before it has a log, and what a crash of it says.
  const std::string output = OutputPath();
  posix_spawn_file_actions_addopen(settings.actions(), 1, output.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND,
                                   0600);
  posix_spawn_file_actions_adddup2(settings.actions(), 1, 2);
  posix_spawn_file_actions_addclosefrom_np(settings.actions(), 3);
  posix_spawn_file_actions_addchdir_np(settings.actions(), "/");
  sigset_t none;
  sigset_t all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(settings.attributes(), &none);
  posix_spawnattr_setsigdefault(settings.attributes(), &all);
  posix_spawnattr_setflags(settings.attributes(), POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  std::vector<std::string> arguments = {program_};
  std::vector<std::string> environment = DaemonEnvironment(environ);
  pid_t pid = -1;
  const int error = posix_spawn(&pid, program_.c_str(), settings.actions(), settings.attributes(),
                                Pointers(arguments).data(), Pointers(environment).data());
  if (error != 0) {
    return WithContext(ErrnoError("cannot run", program_, error), "The daemon did not start");
  }
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
