#include "tests/conformance/conformance.h"

#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "tests/conformance/run.h"

namespace wslm::conformance {
namespace {

// Where a test reports to: each line is "F" or "S" and the text. Written at once, so that processes don't mix.
int report = STDERR_FILENO;

void Report(char kind, std::string text) {
  for (char& c : text) {
    if (c == '\n' || c == '\t') c = ' ';
  }
  text.resize(std::min<size_t>(text.size(), PIPE_BUF - 2));
  text = kind + text + "\n";
  if (::write(report, text.data(), text.size()) < 0) ::_exit(3);
}

void Wait(pid_t pid) {
  int status;
  while (::waitpid(pid, &status, 0) < 0) {
    if (errno != EINTR) EndFailed("a child can't be waited for: " + ErrnoName(errno), __FILE__, __LINE__);
  }
  if (WIFSIGNALED(status)) EndFailed("a child died of signal " + std::to_string(WTERMSIG(status)), __FILE__, __LINE__);
  // What a child reported is reported.
  if (WEXITSTATUS(status) != 0) ::_exit(WEXITSTATUS(status));
}

}  // namespace

std::vector<Test>& AllTests() {
  static std::vector<Test>& tests = *new std::vector<Test>;
  return tests;
}

void ReportTo(int fd) { report = fd; }

void Become(uid_t uid, gid_t gid, const std::vector<gid_t>& groups) {
  // By the system calls themselves: a C library would change all threads, with code of its own.
  if (::syscall(SYS_setgroups, groups.size(), groups.data()) != 0 || ::syscall(SYS_setresgid, gid, gid, gid) != 0 ||
      ::syscall(SYS_setresuid, uid, uid, uid) != 0) {
    EndFailed("cannot become " + std::to_string(uid) + ": " + ErrnoName(errno), __FILE__, __LINE__);
  }
}

void Fail(const std::string& what, const char* file, int line) {
  const char* name = ::strrchr(file, '/');
  Report('F', std::string(name ? name + 1 : file) + ":" + std::to_string(line) + ": " + what);
}

void EndFailed(const std::string& what, const char* file, int line) {
  Fail(what, file, line);
  ::_exit(1);
}

void EndSkipped(const std::string& reason) {
  Report('S', reason);
  ::_exit(1);
}

std::string ErrnoName(int error) {
  const char* name = ::strerrorname_np(error);
  return name ? name : std::to_string(error);
}

std::string Shown(std::string_view text) {
  std::string shown = "\"";
  for (const char c : text) shown += c < ' ' ? '?' : c;
  return shown + '"';
}

std::string Shown(int64_t number) {
  if (number < 8) return std::to_string(number);
  char octal[64];
  ::snprintf(octal, sizeof(octal), "%lld (0%llo)", static_cast<long long>(number), static_cast<long long>(number));
  return octal;
}

void ReportSame(bool same, const std::string& wanted, const std::string& value, const char* text, const char* file,
                int line) {
  if (!same) Fail(std::string(text) + " is " + value + ", not " + wanted, file, line);
}

void As(uid_t uid, const std::function<void()>& body) {
  if (uid == 0) return InChild(body);
  As(uid, uid, {uid, kSharedGroup}, body);
}

void As(uid_t uid, gid_t gid, const std::vector<gid_t>& groups, const std::function<void()>& body) {
  InChild([&] {
    Become(uid, gid, groups);
    body();
  });
}

void InChild(const std::function<void()>& body) {
  const pid_t pid = OK(::fork());
  if (pid == 0) {
    body();
    ::_exit(0);
  }
  Wait(pid);
}

void WriteFile(const std::string& path, std::string_view content, mode_t mode) {
  const int fd = OK(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  OK(::write(fd, content.data(), content.size()));
  OK(::fchmod(fd, mode));
  ::close(fd);
}

std::string ReadFile(const std::string& path) {
  const int fd = OK(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::string text;
  char buffer[4096];
  while (const ssize_t size = OK(::read(fd, buffer, sizeof(buffer)))) text.append(buffer, size);
  ::close(fd);
  return text;
}

void MakeFolder(const std::string& path, mode_t mode) {
  OK(::mkdir(path.c_str(), 0700));
  OK(::chmod(path.c_str(), mode));
}

void Own(const std::string& path, uid_t uid, gid_t gid) { OK(::lchown(path.c_str(), uid, gid)); }

struct stat StatOf(const std::string& path) {
  struct stat s;
  OK(::lstat(path.c_str(), &s));
  return s;
}

mode_t ModeOf(const std::string& path) { return StatOf(path).st_mode & 07777; }

std::string ReadLink(const std::string& path) {
  char buffer[PATH_MAX];
  return std::string(buffer, OK(::readlink(path.c_str(), buffer, sizeof(buffer))));
}

std::string Long(size_t length) { return std::string(length, 'x'); }

}  // namespace wslm::conformance
