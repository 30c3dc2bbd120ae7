#include "runtime-v1/init/launch.h"

#include <elf.h>
#include <fcntl.h>
#include <grp.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>

#include "runtime-v1/init/terminal.h"
#include "runtime-v1/init/text.h"

namespace wslm::init {
namespace {

// As execvp(3)'s.
constexpr char kDefaultPath[] = "/bin:/usr/bin";
constexpr int kNotFound = 127;
constexpr int kNotExecutable = 126;

struct Pipe {
  UniqueFd read;
  UniqueFd write;
};

bool MakePipe(Pipe& pipe) {
  int fds[2];
  if (::pipe2(fds, O_CLOEXEC) < 0) return false;
  pipe.read.Reset(fds[0]);
  pipe.write.Reset(fds[1]);
  return true;
}

UniqueFd NonBlocking(UniqueFd fd) {
  if (fd) ::fcntl(fd.get(), F_SETFL, ::fcntl(fd.get(), F_GETFL) | O_NONBLOCK);
  return fd;
}

proto::StreamEnd CannotStart(const std::string& what) {
  return Failure(Code::kResourceExhausted, "START_FAILED", what + ": " + std::strerror(errno) + ".");
}

// In the child from here on: it has a copy of init's memory and is alone in it.

void Report(int fd, LaunchReport::Kind kind, int error) {
  const LaunchReport report = {kind, error};
  [[maybe_unused]] const ssize_t written = ::write(fd, &report, sizeof(report));
}

[[noreturn]] void Fail(int report_fd, LaunchReport::Kind kind) {
  Report(report_fd, kind, errno);
  ::_exit(kNotExecutable);
}

void ResetSignals() {
  for (int signal = 1; signal < NSIG; ++signal) ::signal(signal, SIG_DFL);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

void EnterFolder(const LaunchPlan& plan, int report_fd) {
  if (!plan.folder.empty()) {
    if (::chdir(plan.folder.c_str()) < 0) Fail(report_fd, LaunchReport::kFolder);
    return;
  }
  if (!plan.host_folder.empty()) {
    if (::chdir(plan.host_folder.c_str()) == 0) return;
    Report(report_fd, LaunchReport::kHostFolder, errno);
  }
  if (::chdir(plan.user.home.c_str()) == 0) return;
  Report(report_fd, LaunchReport::kHome, errno);
  if (::chdir("/") < 0) Fail(report_fd, LaunchReport::kFolder);
}

void BecomeUser(const LaunchPlan& plan, int report_fd) {
  if (::setgroups(plan.groups.size(), plan.groups.data()) < 0 || ::setgid(plan.user.gid) < 0 ||
      ::setuid(plan.user.uid) < 0) {
    Fail(report_fd, LaunchReport::kUser);
  }
}

// Says as a shell would why the program did not start.
[[noreturn]] void ExplainExecFailure(const std::string& file, int error) {
  const bool is_path = file.find('/') != std::string::npos;
  struct stat stat;
  const bool is_there = is_path && ::stat(file.c_str(), &stat) == 0;
  const char* why = std::strerror(error);
  if (error == ENOENT && !is_path) why = "command not found";
  if (error == ENOENT && is_there) why = "cannot execute: its interpreter is not there";
  if (error == EACCES && is_there && S_ISDIR(stat.st_mode)) why = "Is a directory";
  const std::string text = "wslm: " + Escaped(file) + ": " + why + "\n";
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, text.data(), text.size());
  ::_exit(error == ENOENT || error == ENOTDIR ? kNotFound : kNotExecutable);
}

bool IsElf(const std::string& file) {
  const UniqueFd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  char magic[SELFMAG];
  return ::read(fd.get(), magic, sizeof magic) == SELFMAG && std::memcmp(magic, ELFMAG, SELFMAG) == 0;
}

// execve(2); a script that names no interpreter is the shell's, as with execvp(3). Returns when it failed, with errno.
void RunFile(const std::string& file, const std::vector<char*>& argv, const std::vector<char*>& envp) {
  ::execve(file.c_str(), argv.data(), envp.data());
  if (errno != ENOEXEC) return;
  // A program for another machine is no script: the shell would take its bytes for commands.
  if (IsElf(file)) {
    errno = ENOEXEC;
    return;
  }
  std::string shell = "/bin/sh";
  std::string script = file;
  std::vector<char*> words = {shell.data(), script.data()};
  words.insert(words.end(), argv.begin() + 1, argv.end());
  ::execve(shell.c_str(), words.data(), envp.data());
}

// The first `name` of the folders of `path` that can be run, as with execvp(3). Returns the error.
int RunAlong(const std::string& path, const std::string& name, const std::vector<char*>& argv,
             const std::vector<char*>& envp) {
  bool denied = false;
  for (size_t begin = 0; begin <= path.size();) {
    const size_t end = std::min(path.find(':', begin), path.size());
    const std::string folder = path.substr(begin, end - begin);
    RunFile(folder.empty() ? name : folder + "/" + name, argv, envp);
    if (errno == EACCES) denied = true;
    if (errno != ENOENT && errno != ENOTDIR && errno != EACCES) return errno;
    begin = end + 1;
  }
  return denied ? EACCES : ENOENT;
}

[[noreturn]] void Execute(const LaunchPlan& plan) {
  std::vector<std::string> variables;
  for (const auto& [name, value] : plan.environment) variables.push_back(name + "=" + value);
  std::vector<char*> envp;
  for (std::string& variable : variables) envp.push_back(variable.data());
  envp.push_back(nullptr);
  std::vector<std::string> words = plan.command.argv;
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  const auto path = plan.environment.find("PATH");
  const std::string& file = plan.command.file;
  if (file.find('/') != std::string::npos) {
    RunFile(file, argv, envp);
    ExplainExecFailure(file, errno);
  }
  ExplainExecFailure(file, RunAlong(path == plan.environment.end() ? kDefaultPath : path->second, file, argv, envp));
}

struct ChildStreams {
  int stdin;
  int stdout;
  int stderr;
};

// Closes everything but the three streams and the report: the child may hang in its folder (a dead network mount), and
// must not keep other sessions' pipes open meanwhile. Answers where the report is now.
int CloseOthers(int report_fd) {
  constexpr int kReport = STDERR_FILENO + 1;
  if (report_fd != kReport) ::dup3(report_fd, kReport, O_CLOEXEC);
  ::close_range(kReport + 1, ~0U, 0);
  return kReport;
}

[[noreturn]] void RunChild(const LaunchPlan& plan, const ChildStreams& streams, int terminal, int report_fd) {
  ::setsid();
  if (terminal >= 0 && ::ioctl(terminal, TIOCSCTTY, 0) < 0) Fail(report_fd, LaunchReport::kTerminal);
  // All of them lie above 2: init keeps 0, 1 and 2 open.
  ::dup2(streams.stdin, STDIN_FILENO);
  ::dup2(streams.stdout, STDOUT_FILENO);
  ::dup2(streams.stderr, STDERR_FILENO);
  report_fd = CloseOthers(report_fd);
  ResetSignals();
  ::umask(022);
  BecomeUser(plan, report_fd);
  EnterFolder(plan, report_fd);
  Execute(plan);
}

}  // namespace

std::optional<proto::StreamEnd> Launch(const LaunchPlan& plan, Launched& launched) {
  Terminal terminal;
  if (plan.terminal() && !OpenTerminal(plan.user.uid, plan.terminal_gid, plan.window, terminal)) {
    return CannotStart("The distro has no terminal to give (/dev/ptmx)");
  }
  Pipe in, out, err, report;
  if ((!plan.stdin_terminal && !MakePipe(in)) || (!plan.stdout_terminal && !MakePipe(out)) ||
      (!plan.stderr_terminal && !MakePipe(err)) || !MakePipe(report)) {
    return CannotStart("Cannot make the session's streams");
  }
  const int slave = terminal.slave.get();
  const ChildStreams streams = {.stdin = plan.stdin_terminal ? slave : in.read.get(),
                                .stdout = plan.stdout_terminal ? slave : out.write.get(),
                                .stderr = plan.stderr_terminal ? slave : err.write.get()};
  const pid_t pid = ::fork();
  if (pid < 0) return CannotStart("Cannot make the session's process");
  if (pid == 0) RunChild(plan, streams, slave, report.write.get());
  launched.pid = pid;
  launched.terminal = std::move(terminal.master);
  launched.stdin = NonBlocking(std::move(in.write));
  launched.stdout = NonBlocking(std::move(out.read));
  launched.stderr = NonBlocking(std::move(err.read));
  launched.report = NonBlocking(std::move(report.read));
  return std::nullopt;
}

pid_t LaunchInBackground(const LaunchPlan& plan) {
  const UniqueFd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  Pipe report;
  if (!null || !MakePipe(report)) return -1;
  const ChildStreams streams = {.stdin = null.get(), .stdout = STDERR_FILENO, .stderr = STDERR_FILENO};
  const pid_t pid = ::fork();
  if (pid == 0) RunChild(plan, streams, -1, report.write.get());
  return pid;
}

}  // namespace wslm::init
