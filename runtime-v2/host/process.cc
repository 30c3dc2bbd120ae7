#include "runtime-v2/host/process.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <sstream>

#include "absl/time/clock.h"
#include "distros/host/error.h"
#include "distros/host/files.h"
#include "distros/host/spawn.h"
#include "distros/host/status_macros.h"

namespace wslm {
namespace {

// As the default user of nearly every distro.
constexpr int kMappedId = 1000;
// Instead of an errno: no user namespace, or no ids in it.
constexpr int kNotMapped = -1;
// Above all that a child is given.
constexpr int kHighFd = 100;
constexpr size_t kLargestOutput = size_t{8} << 20;

std::vector<std::string> EnvironmentInC() {
  std::vector<std::string> environment;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    if (std::strncmp(*variable, "LC_ALL=", 7) != 0) environment.emplace_back(*variable);
  }
  environment.emplace_back("LC_ALL=C");
  return environment;
}

// What a child needs between fork and exec, made before: there only async-signal-safe calls are allowed, since another
// thread may have held any lock.
struct Prepared {
  std::vector<char*> argv;
  std::vector<char*> environment;
  const char* folder = nullptr;
  int input = -1;
  int output = -1;
  std::vector<int> inherited;
  bool detach = false;
  const char* uid_map = nullptr;
  const char* gid_map = nullptr;
};

bool WriteProc(const char* path, const char* text) {
  const int fd = ::open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return false;
  const ssize_t size = static_cast<ssize_t>(std::strlen(text));
  const bool written = ::write(fd, text, static_cast<size_t>(size)) == size;
  ::close(fd);
  return written;
}

[[noreturn]] void Fail(int report, int error) {
  if (::write(report, &error, sizeof error) < 0) ::_exit(126);
  ::_exit(127);
}

// Writes errno, or kNotMapped, to `report` when it fails. Never returns.
[[noreturn]] void Child(Prepared& prepared, int report) {
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  for (int signal = 1; signal < NSIG; ++signal) ::signal(signal, SIG_DFL);
  if (prepared.detach) ::setsid();
  if (prepared.uid_map != nullptr) {
    // A process that changed its ids may not be the owner of its own /proc files.
    ::prctl(PR_SET_DUMPABLE, 1);
    const bool mapped = ::unshare(CLONE_NEWUSER) == 0 && WriteProc("/proc/self/setgroups", "deny") &&
                        WriteProc("/proc/self/uid_map", prepared.uid_map) &&
                        WriteProc("/proc/self/gid_map", prepared.gid_map);
    if (!mapped) Fail(report, kNotMapped);
  }
  // Each may lie where another goes: first out of the way.
  report = ::fcntl(report, F_DUPFD_CLOEXEC, kHighFd);
  for (int& fd : prepared.inherited) fd = ::fcntl(fd, F_DUPFD_CLOEXEC, kHighFd);
  bool ready = ::dup2(prepared.input, 0) == 0 && ::dup2(prepared.output, 1) == 1 && ::dup2(prepared.output, 2) == 2;
  if (prepared.folder != nullptr) ready = ready && ::chdir(prepared.folder) == 0;
  ready = ready && ::syscall(SYS_close_range, 3, ~0U, CLOSE_RANGE_CLOEXEC) == 0;
  int place = 3;
  for (const int fd : prepared.inherited) {
    ready = ready && ::dup2(fd, place) == place;
    ++place;
  }
  if (ready) ::execve(prepared.argv[0], prepared.argv.data(), prepared.environment.data());
  Fail(report, errno);
}

absl::StatusOr<pid_t> Spawn(Prepared& prepared) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return ErrnoError("cannot make", "pipe");
  const UniqueFd reader(ends[0]);
  UniqueFd writer(ends[1]);
  // No handler of ours may run in the child.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  const pid_t pid = ::fork();
  if (pid == 0) Child(prepared, writer.get());
  const int fork_error = errno;
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (pid < 0) return ErrnoError("cannot start", prepared.argv[0], fork_error);
  writer.Reset();
  int error = 0;
  ssize_t count;
  while ((count = ::read(reader.get(), &error, sizeof error)) < 0 && errno == EINTR) {
  }
  if (count == 0) return pid;
  ::waitpid(pid, nullptr, 0);
  if (error == kNotMapped) {
    return absl::PermissionDeniedError("this host gives users no user namespaces");
  }
  return ErrnoError("cannot run", prepared.argv[0], error);
}

std::string LastLine(std::string text) {
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text.substr(text.rfind('\n') + 1);
}

// Reads until the end or the deadline; false: the deadline.
bool Collect(int fd, absl::Time deadline, std::string& output) {
  char buffer[16384];
  while (true) {
    pollfd poll_fd{.fd = fd, .events = POLLIN};
    const int64_t left = absl::ToInt64Milliseconds(deadline - absl::Now());
    if (left <= 0) return false;
    if (::poll(&poll_fd, 1, static_cast<int>(std::min<int64_t>(left, 60'000))) <= 0) continue;
    const ssize_t count = ::read(fd, buffer, sizeof buffer);
    if (count == 0) return true;
    if (count > 0 && output.size() < kLargestOutput) output.append(buffer, static_cast<size_t>(count));
  }
}

absl::StatusOr<uint64_t> StartTime(pid_t pid) {
  ASSIGN_OR_RETURN(const std::string stat, ReadSmallFile("/proc/" + std::to_string(pid) + "/stat"));
  // The name, in parentheses, may hold anything.
  const size_t name_end = stat.rfind(')');
  if (name_end == std::string::npos) return absl::NotFoundError("no process");
  std::istringstream fields(stat.substr(name_end + 1));
  std::string field;
  for (int i = 3; i < 22; ++i) fields >> field;
  uint64_t time = 0;
  fields >> time;
  return time;
}

absl::StatusOr<DetachedProcess> Describe(pid_t pid) {
  DetachedProcess process{.pid = pid};
  process.handle.Reset(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!process.handle) return ErrnoError("cannot find the process", std::to_string(pid));
  ASSIGN_OR_RETURN(process.start_time, StartTime(pid));
  return process;
}

}  // namespace

std::string FindProgram(const std::string& name) {
  const char* path = std::getenv("PATH");
  std::istringstream folders(std::string(path == nullptr ? "/usr/bin:/bin" : path) + ":/usr/sbin:/sbin");
  for (std::string folder; std::getline(folders, folder, ':');) {
    const std::string candidate = folder + "/" + name;
    if (folder.starts_with('/') && ::access(candidate.c_str(), X_OK) == 0) return candidate;
  }
  return "";
}

absl::StatusOr<std::string> RunProgram(const std::vector<std::string>& argv, absl::Duration timeout,
                                       const std::string& folder, const std::vector<int>& inherited) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return ErrnoError("cannot make", "pipe");
  const UniqueFd reader(ends[0]);
  UniqueFd writer(ends[1]);
  const UniqueFd null(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  std::vector<std::string> arguments = argv;
  std::vector<std::string> environment = EnvironmentInC();
  Prepared prepared{.argv = ExecPointers(arguments),
                    .environment = ExecPointers(environment),
                    .folder = folder.empty() ? nullptr : folder.c_str(),
                    .input = null.get(),
                    .output = writer.get(),
                    .inherited = inherited};
  ASSIGN_OR_RETURN(const pid_t pid, Spawn(prepared));
  writer.Reset();
  std::string output;
  const bool ended = Collect(reader.get(), absl::Now() + timeout, output);
  if (!ended) ::kill(pid, SIGKILL);
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (!ended) {
    return Error(absl::StatusCode::kDeadlineExceeded, reason::kInternal,
                 argv[0] + " took longer than " + absl::FormatDuration(timeout) + ".");
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return output;
  return Error(absl::StatusCode::kInternal, reason::kInternal, argv[0] + " failed: " + Escaped(LastLine(output)));
}

absl::StatusOr<DetachedProcess> SpawnDetached(const std::vector<std::string>& argv, int output, bool map_user,
                                              const std::vector<int>& inherited) {
  const UniqueFd null(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  std::vector<std::string> arguments = argv;
  std::vector<std::string> environment = EnvironmentInC();
  const std::string uid_map = std::to_string(kMappedId) + " " + std::to_string(::geteuid()) + " 1";
  const std::string gid_map = std::to_string(kMappedId) + " " + std::to_string(::getegid()) + " 1";
  Prepared prepared{.argv = ExecPointers(arguments),
                    .environment = ExecPointers(environment),
                    .folder = "/",
                    .input = null.get(),
                    .output = output,
                    .inherited = inherited,
                    .detach = true,
                    .uid_map = map_user ? uid_map.c_str() : nullptr,
                    .gid_map = gid_map.c_str()};
  auto pid = Spawn(prepared);
  if (map_user && absl::IsPermissionDenied(pid.status())) {
    prepared.uid_map = nullptr;
    pid = Spawn(prepared);
  }
  if (!pid.ok()) return Error(pid.status().code(), reason::kStartFailed, std::string(pid.status().message()));
  return Describe(*pid);
}

absl::StatusOr<DetachedProcess> FindProcess(pid_t pid, uint64_t start_time) {
  ASSIGN_OR_RETURN(DetachedProcess process, Describe(pid));
  if (process.start_time != start_time) return absl::NotFoundError("another process has this id now");
  pollfd poll_fd{.fd = process.handle.get(), .events = POLLIN};
  if (::poll(&poll_fd, 1, 0) > 0) return absl::NotFoundError("the process has ended");
  return process;
}

bool WaitForExit(const DetachedProcess& process, absl::Duration timeout) {
  const absl::Time deadline = absl::Now() + timeout;
  while (true) {
    pollfd poll_fd{.fd = process.handle.get(), .events = POLLIN};
    const int64_t left = std::max<int64_t>(absl::ToInt64Milliseconds(deadline - absl::Now()), 0);
    const int count = ::poll(&poll_fd, 1, static_cast<int>(std::min<int64_t>(left, 60'000)));
    if (count > 0) break;
    if (count == 0 && left == 0) return false;
  }
  siginfo_t info{};
  // ECHILD when an earlier daemon started it.
  ::waitid(static_cast<idtype_t>(P_PIDFD), static_cast<id_t>(process.handle.get()), &info, WEXITED | WNOHANG);
  return true;
}

void KillProcess(const DetachedProcess& process) {
  ::syscall(SYS_pidfd_send_signal, process.handle.get(), SIGKILL, nullptr, 0);
}

}  // namespace wslm
