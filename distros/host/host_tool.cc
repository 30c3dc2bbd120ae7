#include "distros/host/host_tool.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <optional>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "distros/host/error.h"
#include "distros/host/spawn.h"
#include "distros/host/status_macros.h"
#include "distros/host/unique_fd.h"

namespace wslm {
namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t kOutputLimit = 64 << 10;
// How often the cancel flag is looked at.
constexpr int kLookMilliseconds = 50;
// Where descriptors wait to become the child's 3, 4, …
constexpr int kAboveAllGiven = 64;

std::string FindProgram(const std::string& name) {
  const char* path = std::getenv("PATH");
  const std::string places = absl::StrCat(path == nullptr ? "" : path, ":/usr/local/sbin:/usr/sbin:/sbin");
  for (const absl::string_view place : absl::StrSplit(places, ':')) {
    // A relative place would depend on the working folder.
    if (place.empty() || place.front() != '/') continue;
    std::string program = absl::StrCat(place, "/", name);
    if (::access(program.c_str(), X_OK) == 0) return program;
  }
  return "";
}

absl::Status NotInstalled(const std::string& name) {
  std::string_view package = "e2fsprogs";
  if (name == "qemu-img") package = "qemu-utils";
  if (name == "prlimit") package = "util-linux";
  return Error(absl::StatusCode::kFailedPrecondition, reason::kHostUnsupported,
               absl::StrCat("The program ", name, " is not installed. Install the package ", std::string(package), "."),
               {{"program", name}});
}

// The program with its arguments, behind those programs of util-linux that set up what posix_spawn can't.
absl::StatusOr<std::vector<std::string>> CommandLine(const std::string& name, const std::vector<std::string>& arguments,
                                                     const ToolOptions& options) {
  const std::string program = FindProgram(name);
  if (program.empty()) return NotInstalled(name);
  std::vector<std::string> command;
  // Where it is missing, a program may outlive us; that is no reason not to run it.
  if (const std::string setpriv = FindProgram("setpriv"); !setpriv.empty()) {
    command = {setpriv, "--pdeathsig", "KILL", "--"};
  }
  if (options.memory > 0 || options.processor_seconds > 0) {
    const std::string prlimit = FindProgram("prlimit");
    if (prlimit.empty()) return NotInstalled("prlimit");
    command.insert(command.end(), {prlimit, "--core=0"});
    if (options.memory > 0) command.push_back(absl::StrCat("--as=", options.memory));
    if (options.processor_seconds > 0) command.push_back(absl::StrCat("--cpu=", options.processor_seconds));
    command.push_back("--");
  }
  command.push_back(program);
  command.insert(command.end(), arguments.begin(), arguments.end());
  return command;
}

// A started program; killed and waited for at the latest at its end.
class Running {
 public:
  Running(pid_t pid, UniqueFd output) : pid_(pid), output_(std::move(output)) {
    // -1 with kernels before 5.3: poll ignores it, and the end of the output tells enough.
    exit_.Reset(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
    ::fcntl(output_.get(), F_SETFL, O_NONBLOCK);
  }
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;
  ~Running() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    (void)Wait();
  }

  // Takes what it says; true when it has ended, false at the latest after `milliseconds` (-1: as long as it says
  // nothing).
  bool Follow(int milliseconds, std::string& text) {
    pollfd events[] = {{output_.get(), POLLIN, 0}, {exit_.get(), POLLIN, 0}};
    if (::poll(events, 2, milliseconds) <= 0) return false;
    if (output_ && Drain(text)) output_.Reset();
    return exit_ ? events[1].revents != 0 : !output_;
  }

  // The status as waitpid gives it.
  std::optional<int> Wait() {
    int status = 0;
    const pid_t pid = std::exchange(pid_, -1);
    while (::waitpid(pid, &status, 0) < 0) {
      if (errno != EINTR) return std::nullopt;
    }
    return status;
  }

 private:
  // Takes what is there; true at the end of the output.
  bool Drain(std::string& text) {
    char buffer[4096];
    while (true) {
      const ssize_t got = ::read(output_.get(), buffer, sizeof buffer);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return errno != EAGAIN;
      if (got == 0) return true;
      // What is over the limit is read too, so that the child never waits for room in the pipe.
      text.append(buffer, std::min<size_t>(got, kOutputLimit - text.size()));
    }
  }

  pid_t pid_;
  UniqueFd output_;
  UniqueFd exit_;
};

absl::StatusOr<pid_t> Start(const std::vector<std::string>& command, int output, const ToolOptions& options) {
  // The machine's own mke2fs.conf and e2fsck.conf must not change what we make; messages must be in English, since
  // callers quote them.
  const std::vector<std::string> environment = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                                                "LC_ALL=C", "MKE2FS_CONFIG=/nonexistent", "E2FSCK_CONFIG=/nonexistent"};
  SpawnPlan plan;
  plan.SetOutput(output);
  std::vector<UniqueFd> above;
  int as = STDERR_FILENO + 1;
  for (const int fd : options.descriptors) {
    above.emplace_back(::fcntl(fd, F_DUPFD_CLOEXEC, kAboveAllGiven));
    if (!above.back()) return ErrnoError("cannot give a file to", command.back());
    plan.Give(above.back().get(), as++);
  }
  return plan.Spawn(command.front(), command, environment);
}

}  // namespace

absl::StatusOr<ToolResult> RunTool(const std::string& name, const std::vector<std::string>& arguments,
                                   const ToolOptions& options) {
  // Before the start too: a quick program would be done before anybody looks.
  RETURN_IF_ERROR(CheckCancel(options.cancel));
  ASSIGN_OR_RETURN(const std::vector<std::string> command, CommandLine(name, arguments, options));
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return ErrnoError("cannot make a pipe for", name);
  UniqueFd read_end(ends[0]);
  UniqueFd write_end(ends[1]);
  ASSIGN_OR_RETURN(const pid_t pid, Start(command, write_end.get(), options));
  write_end.Reset();
  Running running(pid, std::move(read_end));

  ToolResult result;
  const bool look = options.cancel != nullptr || options.timeout.count() > 0;
  const Clock::time_point end = Clock::now() + options.timeout;
  while (!running.Follow(look ? kLookMilliseconds : -1, result.output)) {
    RETURN_IF_ERROR(CheckCancel(options.cancel));
    if (options.timeout.count() > 0 && Clock::now() >= end) {
      return Error(absl::StatusCode::kDeadlineExceeded, reason::kIoError,
                   absl::StrCat(name, " was not done after ", options.timeout.count() / 1000.0, " s, and was ended."));
    }
  }
  const std::optional<int> status = running.Wait();
  if (!status) return ErrnoError("cannot wait for", name);
  if (!WIFEXITED(*status)) {
    return Error(absl::StatusCode::kInternal, reason::kIoError,
                 absl::StrCat(name, " was ended by signal ", WTERMSIG(*status), "."));
  }
  result.exit_code = WEXITSTATUS(*status);
  return result;
}

}  // namespace wslm
