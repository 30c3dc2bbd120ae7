#include "runtime-v1/launcher/spawn.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/time/clock.h"
#include "distros/host/error.h"
#include "distros/host/home.h"
#include "distros/host/spawn.h"
#include "distros/host/status_macros.h"
#include "distros/host/unique_fd.h"

namespace wslm {
namespace {

// Numbers in the new process.
constexpr int kConfigFd = 3;
constexpr int kReadyFd = 4;

absl::Status StartFailed(const std::string& message) {
  return Error(absl::StatusCode::kFailedPrecondition, reason::kStartFailed, message);
}

absl::StatusOr<UniqueFd> ConfigFile(const std::string& config) {
  UniqueFd file(::memfd_create("wslm-config", MFD_CLOEXEC));
  if (!file || ::write(file.get(), config.data(), config.size()) != static_cast<ssize_t>(config.size()) ||
      ::lseek(file.get(), 0, SEEK_SET) != 0) {
    return ErrnoError("cannot hand over", "the distro's configuration");
  }
  return file;
}

std::vector<std::string> Environment() {
  std::vector<std::string> environment = {"PATH=/usr/local/bin:/usr/bin:/bin"};
  for (const char* name : {"WSLM_LIBEXEC", "TZ"}) {
    if (const char* value = ::getenv(name)) environment.push_back(std::string(name) + "=" + value);
  }
  return environment;
}

// Reads till the other end is closed, which lxcore does once it has said all.
absl::StatusOr<std::string> ReadAnswer(int fd, absl::Duration timeout) {
  const absl::Time deadline = absl::Now() + timeout;
  std::string answer;
  for (;;) {
    const absl::Duration left = deadline - absl::Now();
    if (left <= absl::ZeroDuration()) {
      return Error(absl::StatusCode::kDeadlineExceeded, reason::kStartFailed,
                   "The distro did not start within " + absl::FormatDuration(timeout) + ".");
    }
    pollfd events = {fd, POLLIN, 0};
    if (::poll(&events, 1, static_cast<int>(absl::ToInt64Milliseconds(left)) + 1) <= 0) continue;
    char buffer[2048];
    const ssize_t size = ::read(fd, buffer, sizeof(buffer));
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) return answer;
    answer.append(buffer, size);
  }
}

absl::Status StatusOfAnswer(const std::string& answer) {
  if (answer == "OK\n") return absl::OkStatus();
  constexpr std::string_view kError = "ERROR ";
  const size_t line_end = answer.find('\n');
  if (!answer.starts_with(kError) || line_end == std::string::npos) {
    return StartFailed("wslm-lxcore ended before the distro ran; its log tells more.");
  }
  const std::string given_reason = answer.substr(kError.size(), line_end - kError.size());
  return Error(absl::StatusCode::kFailedPrecondition, given_reason.empty() ? reason::kStartFailed : given_reason,
               answer.substr(line_end + 1));
}

}  // namespace

absl::StatusOr<pid_t> SpawnLxcore(std::vector<std::string> arguments, const std::string& config, const std::string& log,
                                  absl::Duration timeout) {
  const std::string program = ProgramPath("wslm-lxcore");
  if (program.empty()) return StartFailed("wslm-lxcore is missing: wslm is not installed completely.");
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return ErrnoError("cannot make", "a pipe");
  UniqueFd ready(ends[0]), told(ends[1]);
  ASSIGN_OR_RETURN(UniqueFd config_file, ConfigFile(config));
  UniqueFd high_config(::fcntl(config_file.get(), F_DUPFD_CLOEXEC, kReadyFd + 1));
  UniqueFd high_told(::fcntl(told.get(), F_DUPFD_CLOEXEC, kReadyFd + 1));
  if (!high_config || !high_told) return ErrnoError("cannot copy", "a descriptor");
  arguments.insert(arguments.begin(), "wslm-lxcore");
  arguments.push_back("--config-fd=" + std::to_string(kConfigFd));
  arguments.push_back("--ready-fd=" + std::to_string(kReadyFd));
  SpawnPlan plan;
  plan.SetDaemon();
  plan.SetOutput(log, O_WRONLY | O_CREAT | O_APPEND);
  plan.Give(high_config.get(), kConfigFd);
  plan.Give(high_told.get(), kReadyFd);
  ASSIGN_OR_RETURN(const pid_t pid, plan.Spawn(program, arguments, Environment()));
  told.Reset();
  high_told.Reset();
  absl::StatusOr<std::string> answer = ReadAnswer(ready.get(), timeout);
  absl::Status status = answer.ok() ? StatusOfAnswer(*answer) : answer.status();
  if (status.ok()) return pid;
  ::kill(pid, SIGKILL);
  ::waitpid(pid, nullptr, 0);
  return status;
}

}  // namespace wslm
