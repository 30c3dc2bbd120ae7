// Many threads and processes, and what comes in the middle of a call.
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <atomic>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "tests/conformance/conformance.h"

namespace wslm::conformance {
namespace {
constexpr char kArea[] = "processes/many";

int StatusOf(pid_t pid) {
  int status = -1;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

void OnSignal(int) {}

// SIGALRM each millisecond, for all of `body`.
void UnderSignals(int flags, const std::function<void()>& body) {
  struct sigaction action = {};
  action.sa_handler = OnSignal;
  action.sa_flags = flags;
  OK(::sigaction(SIGALRM, &action, nullptr));
  const itimerval often = {{0, 1000}, {0, 1000}};
  OK(::setitimer(ITIMER_REAL, &often, nullptr));
  body();
  const itimerval none = {};
  OK(::setitimer(ITIMER_REAL, &none, nullptr));
}

BEHAVIOUR(kEach, "500 threads make calls at once, each for itself") {
  const uid_t uid = ::getuid();
  std::atomic<int> wrong = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 500; ++i) {
    threads.emplace_back([i, uid, &wrong] {
      const std::string name = "f" + std::to_string(i);
      struct stat st;
      for (int round = 0; round < 2; ++round) {
        const int fd = ::open(name.c_str(), O_CREAT | O_EXCL | O_WRONLY, 0640);
        if (fd < 0 || ::close(fd) != 0 || ::stat(name.c_str(), &st) != 0 || st.st_uid != uid || ::geteuid() != uid ||
            ::unlink(name.c_str()) != 0) {
          ++wrong;
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  SAME(0, wrong.load());
}

BEHAVIOUR(kRoot, "a thread's own ids are those of no other thread") {
  std::atomic<int> wrong = 0;
  std::vector<std::thread> threads;
  for (uid_t i = 1; i <= 50; ++i) {
    threads.emplace_back([i, &wrong] {
      // Not the C library's, which tells all threads.
      if (::syscall(SYS_setresuid, i, i, 0) != 0) ++wrong;
      for (int round = 0; round < 20; ++round) {
        if (::syscall(SYS_getuid) != static_cast<long>(i)) ++wrong;
        ::sched_yield();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  SAME(0, wrong.load());
  SAME(0u, ::getuid());
}

BEHAVIOUR(kEach, "1000 processes live at once, and each ends as it says") {
  int ends[2];
  OK(::pipe(ends));
  std::vector<pid_t> children;
  for (int i = 0; i < 1000; ++i) {
    const pid_t child = OK(::fork());
    if (child == 0) {
      ::close(ends[1]);
      char byte;
      // Until the last of them was made.
      const bool ended = ::read(ends[0], &byte, 1) == 0;
      struct stat st;
      ::_exit(ended && ::stat(".", &st) == 0 && st.st_uid == ::getuid() ? i % 100 : 255);
    }
    children.push_back(child);
  }
  ::close(ends[1]);
  int wrong = 0;
  for (int i = 0; i < 1000; ++i) {
    const int status = StatusOf(children[i]);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != i % 100) ++wrong;
  }
  SAME(0, wrong);
}

BEHAVIOUR(kUsers, "a fork beyond RLIMIT_NPROC is EAGAIN, and one below it works again") {
  InChild([] {
    rlimit before;
    OK(::getrlimit(RLIMIT_NPROC, &before));
    const rlimit one = {1, before.rlim_max};
    OK(::setrlimit(RLIMIT_NPROC, &one));
    FAILS(EAGAIN, ::fork());
    OK(::setrlimit(RLIMIT_NPROC, &before));
    const pid_t child = OK(::fork());
    if (child == 0) ::_exit(3);
    SAME(3, WEXITSTATUS(StatusOf(child)));
  });
}

BEHAVIOUR(kEach, "vfork waits for the child, which may make files and exec") {
  volatile int steps = 0;
  const pid_t child = ::vfork();
  if (child == 0) {
    steps = 1;
    if (::mkdir("made", 0700) != 0) ::_exit(100);
    ::execl("/nowhere", "nowhere", nullptr);
    if (errno != ENOENT) ::_exit(101);
    steps = 2;
    ::execl("/bin/sh", "sh", "-c", "exit 7", nullptr);
    ::_exit(102);
  }
  SAME(2, steps);
  SAME(7, WEXITSTATUS(StatusOf(child)));
  SAME(::getuid(), StatOf("made").st_uid);
}

BEHAVIOUR(kRoot, "an aborted process dumps its core where the limit lets it") {
  const pid_t child = OK(::fork());
  if (child == 0) {
    const rlimit unlimited = {RLIM_INFINITY, RLIM_INFINITY};
    ::setrlimit(RLIMIT_CORE, &unlimited);
    ::abort();
  }
  const int status = StatusOf(child);
  THAT(WIFSIGNALED(status));
  SAME(SIGABRT, WTERMSIG(status));
  const std::string pattern = ReadFile("/proc/sys/kernel/core_pattern");
  if (pattern.empty() || pattern[0] == '|' || pattern[0] == '/') return;
  THAT(WCOREDUMP(status));
}

BEHAVIOUR(kEach, "calls that never wait are never interrupted by a handler that restarts calls") {
  int wrong = 0;
  UnderSignals(SA_RESTART, [&wrong] {
    for (int i = 0; i < 300; ++i) {
      struct stat st;
      const int fd = ::open("f", O_CREAT | O_EXCL | O_RDWR, 0640);
      if (fd < 0 || ::fchmod(fd, 0600) != 0 || ::close(fd) != 0) ++wrong;
      if (::rename("f", "g") != 0 || ::stat("g", &st) != 0 || ::unlink("g") != 0) ++wrong;
      if (::mkdir("d", 0700) != 0 || ::chmod("d", 02755) != 0 || ::rmdir("d") != 0) ++wrong;
      if (::symlink("x", "l") != 0 || ::lchown("l", ::getuid(), ::getgid()) != 0 || ::unlink("l") != 0) ++wrong;
    }
  });
  SAME(0, wrong);
}

BEHAVIOUR(kEach, "a signal that is ignored disturbs nothing") {
  OK(::signal(SIGURG, SIG_IGN) == SIG_ERR ? -1 : 0);
  const pid_t sender = OK(::fork());
  if (sender == 0) {
    for (int i = 0; i < 3000 && ::kill(::getppid(), SIGURG) == 0; ++i) ::usleep(100);
    ::_exit(0);
  }
  int wrong = 0;
  int status;
  while (::waitpid(sender, &status, WNOHANG) == 0) {
    if (::mkdir("d", 0700) != 0 || ::rmdir("d") != 0) ++wrong;
  }
  SAME(0, wrong);
}

BEHAVIOUR(kEach, "a process killed in the middle of its calls leaves others undisturbed") {
  for (int i = 0; i < 30; ++i) {
    const pid_t child = OK(::fork());
    if (child == 0) {
      struct stat st;
      for (;;) {
        ::stat("/etc/passwd", &st);
        ::close(::open("k", O_CREAT | O_WRONLY, 0640));
        ::unlink("k");
      }
    }
    ::usleep(2000 + 37 * i);
    OK(::kill(child, SIGKILL));
    SAME(SIGKILL, WTERMSIG(StatusOf(child)));
    SAME(::getuid(), StatOf(".").st_uid);
  }
}

}  // namespace
}  // namespace wslm::conformance
