// conformance [--list] [WORDS...]: runs the tests whose names contain one of WORDS, all without. It must be root.
//
// A line a test, fields with a tab between: "pass", "fail" or "skip", "AREA: NAME [WHO]", the reason. Exit code 0 when
// it ran to its end, whatever the results.
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <algorithm>
#include <string>

#include "tests/conformance/conformance.h"
#include "tests/conformance/run.h"

namespace wslm::conformance {
namespace {

constexpr int kMostMilliseconds = 60'000;

// More calls from one place than a program makes before v1 gives it the fast path, which all tests inherit.
constexpr int kCallsBefore = 200;

struct Run {
  const Test* test;
  uid_t uid;
  std::string name;
};

std::vector<Run> RunsOf(const std::vector<std::string>& words) {
  std::vector<Run> runs;
  for (const Test& test : AllTests()) {
    for (const auto& [who, uid, label] : {std::tuple(kRoot, uid_t{0}, "root"), std::tuple(kUsers, kUser, "user"),
                                          std::tuple(kUsers, kOther, "other")}) {
      if (!(test.who & who)) continue;
      const std::string name = std::string(test.area) + ": " + test.name + " [" + label + "]";
      const auto wanted = [&](const std::string& word) { return name.find(word) != std::string::npos; };
      if (words.empty() || std::any_of(words.begin(), words.end(), wanted)) runs.push_back({&test, uid, name});
    }
  }
  std::stable_sort(runs.begin(), runs.end(),
                   [](const Run& a, const Run& b) { return std::string_view(a.test->area) < b.test->area; });
  return runs;
}

// Removes what a test left in its folder, mounts of its own excepted: those went with their namespaces.
void RemoveTree(int parent, const char* name) {
  const int fd = ::openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (DIR* folder = fd < 0 ? nullptr : ::fdopendir(fd)) {
    while (const dirent* entry = ::readdir(folder)) {
      const std::string_view child = entry->d_name;
      if (child == "." || child == "..") continue;
      if (::unlinkat(fd, entry->d_name, 0) != 0) RemoveTree(fd, entry->d_name);
    }
    ::closedir(folder);
  }
  ::unlinkat(parent, name, AT_REMOVEDIR);
}

[[noreturn]] void RunTest(const Run& run, const std::string& folder, int report) {
  ReportTo(report);
  ::setsid();
  ::umask(022);
  OK(::chdir(folder.c_str()));
  if (run.uid != 0) Become(run.uid, run.uid, {run.uid, kSharedGroup});
  run.test->run();
  ::_exit(0);
}

// What the test reported; "F…" when it ended otherwise than by its end.
std::string ReportOf(const Run& run, const std::string& folder) {
  int ends[2];
  OK(::pipe2(ends, O_CLOEXEC));
  const pid_t pid = OK(::fork());
  if (pid == 0) RunTest(run, folder, ends[1]);
  ::close(ends[1]);
  const int pidfd = static_cast<int>(OK(::syscall(SYS_pidfd_open, pid, 0)));
  pollfd ended = {pidfd, POLLIN, 0};
  int result;
  while ((result = ::poll(&ended, 1, kMostMilliseconds)) < 0 && errno == EINTR) {
  }
  ::close(pidfd);
  ::kill(-pid, SIGKILL);
  if (result == 0) ::kill(pid, SIGKILL);
  int status = 0;
  ::waitpid(pid, &status, 0);
  while (::waitpid(-1, nullptr, WNOHANG) > 0) {
  }
  std::string report;
  char buffer[4096];
  ::fcntl(ends[0], F_SETFL, O_NONBLOCK);
  for (ssize_t size; (size = ::read(ends[0], buffer, sizeof(buffer))) > 0;) report.append(buffer, size);
  ::close(ends[0]);
  if (result == 0) return report + "Fit did not end in time\n";
  if (WIFSIGNALED(status)) return report + "Fit died of signal " + std::to_string(WTERMSIG(status)) + "\n";
  if (report.empty() && WEXITSTATUS(status) != 0) return "Fit ended early without a word\n";
  return report;
}

void Print(const Run& run, const std::string& report) {
  std::string reason;
  char kind = 'P';
  for (size_t start = 0; start < report.size();) {
    const size_t end = report.find('\n', start);
    if (report[start] == 'F' || kind == 'P') kind = report[start];
    if (!reason.empty()) reason += "; ";
    reason += report.substr(start + 1, end - start - 1);
    start = end == std::string::npos ? report.size() : end + 1;
  }
  ::printf("%s\t%s\t%s\n", kind == 'P' ? "pass" : kind == 'F' ? "fail" : "skip", run.name.c_str(), reason.c_str());
  ::fflush(stdout);
}

int Main(int argc, char** argv) {
  const bool list = argc > 1 && ::strcmp(argv[1], "--list") == 0;
  const std::vector<Run> runs = RunsOf({argv + 1 + list, argv + argc});
  if (list) {
    for (const Run& run : runs) ::puts(run.name.c_str());
    return 0;
  }
  if (::getuid() != 0) {
    ::fputs("conformance: run it as root; it becomes the others by itself.\n", stderr);
    return 2;
  }
  // What tests leave running is this process' to end and to reap.
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  ::umask(022);
  std::string base = "/var/tmp/conformance.XXXXXX";
  OK(::mkdtemp(base.data()));
  OK(::chmod(base.c_str(), 0755));
  struct stat found;
  for (int i = 0; i < kCallsBefore; ++i) OK(::lstat(base.c_str(), &found));
  for (const Run& run : runs) {
    const std::string folder = base + "/d";
    OK(::mkdir(folder.c_str(), 0755));
    OK(::chown(folder.c_str(), run.uid, run.uid));
    Print(run, ReportOf(run, folder));
    RemoveTree(AT_FDCWD, folder.c_str());
  }
  ::rmdir(base.c_str());
  return 0;
}

}  // namespace
}  // namespace wslm::conformance

int main(int argc, char** argv) { return wslm::conformance::Main(argc, argv); }
