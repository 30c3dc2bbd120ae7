// kill(2), ptrace(2), setpriority(2), prlimit(2): what one process may do to another.
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "tests/conformance/conformance.h"

namespace wslm::conformance {
namespace {

constexpr char kArea[] = "processes/others";

// A process of `uid` that waits; ended with the test.
pid_t Sleeper(uid_t uid) {
  int pipes[2];
  OK(pipe(pipes));
  const pid_t child = OK(fork());
  if (child == 0) {
    As(uid, [&] {
      const pid_t self = getpid();
      OK(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0));
      OK(write(pipes[1], &self, sizeof(self)));
      pause();
    });
    _exit(0);
  }
  pid_t sleeper;
  OK(read(pipes[0], &sleeper, sizeof(sleeper)));
  close(pipes[0]);
  close(pipes[1]);
  return sleeper;
}

BEHAVIOUR(kRoot, "a user signals its own processes, nobody else's") {
  const pid_t own = Sleeper(kUser), other = Sleeper(kOther);
  As(kUser, [=] {
    OK(kill(own, 0));
    FAILS(EPERM, kill(other, 0));
    FAILS(EPERM, kill(1, SIGKILL));
    FAILS(ESRCH, kill(1 << 21, 0));
    FAILS(EINVAL, kill(own, 99));
    FAILS(EPERM, syscall(SYS_tkill, other, SIGTERM));
    FAILS(EPERM, syscall(SYS_tgkill, other, other, SIGTERM));
    siginfo_t info = {};
    info.si_code = SI_QUEUE;
    FAILS(EPERM, syscall(SYS_rt_sigqueueinfo, other, SIGTERM, &info));
    const int fd = OK(syscall(SYS_pidfd_open, other, 0));
    FAILS(EPERM, syscall(SYS_pidfd_send_signal, fd, SIGTERM, nullptr, 0));
    OK(kill(own, SIGURG));
  });
}

BEHAVIOUR(kRoot, "a file's signals don't go where its owner may not send them") {
  const pid_t other = Sleeper(kOther);
  As(kUser, [=] {
    int pair[2];
    OK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
    OK(fcntl(pair[0], F_SETOWN, other));
    OK(fcntl(pair[0], F_SETSIG, SIGKILL));
    OK(fcntl(pair[0], F_SETFL, O_ASYNC));
    OK(write(pair[1], "x", 1));
    usleep(50000);
  });
  OK(kill(other, 0));
  SAME(0, waitpid(-1, nullptr, WNOHANG));
}

BEHAVIOUR(kRoot, "a user looks into its own processes, nobody else's") {
  const pid_t own = Sleeper(kUser), other = Sleeper(kOther);
  As(kUser, [=] {
    char byte = 0;
    iovec local = {&byte, 1}, remote = {&byte, 1};
    OK(process_vm_readv(own, &local, 1, &remote, 1, 0));
    FAILS(EPERM, process_vm_readv(other, &local, 1, &remote, 1, 0));
    FAILS(EPERM, process_vm_writev(other, &local, 1, &remote, 1, 0));
    FAILS(EPERM, ptrace(PTRACE_SEIZE, other, nullptr, nullptr));
    FAILS(EPERM, ptrace(PTRACE_ATTACH, other, nullptr, nullptr));
    FAILS(EPERM, syscall(SYS_kcmp, getpid(), other, 0, 0, 0));
    FAILS(EPERM, syscall(SYS_kcmp, other, getpid(), 0, 0, 0));
    void* head;
    size_t length;
    FAILS(EPERM, syscall(SYS_get_robust_list, other, &head, &length));
    const int fd = OK(syscall(SYS_pidfd_open, other, 0));
    FAILS(EPERM, syscall(SYS_pidfd_getfd, fd, 0, 0));
    FAILS(EACCES, open(("/proc/" + std::to_string(other) + "/environ").c_str(), O_RDONLY));
    FAILS(EACCES, open(("/proc/" + std::to_string(other) + "/maps").c_str(), O_RDONLY));
    OK(ptrace(PTRACE_SEIZE, own, nullptr, nullptr));
  });
}

BEHAVIOUR(kRoot, "what is no signal, policy, class or flag is told before whose the process is") {
  const pid_t other = Sleeper(kOther);
  As(kUser, [=] {
    FAILS(EINVAL, kill(other, 99));
    FAILS(EINVAL, kill(other, -1));
    FAILS(EINVAL, syscall(SYS_tgkill, other, other, 99));
    FAILS(ESRCH, syscall(SYS_tgkill, getpid(), other, 0));
    FAILS(EFAULT, syscall(SYS_rt_sigqueueinfo, other, SIGTERM, 1));
    const int fd = OK(syscall(SYS_pidfd_open, other, 0));
    FAILS(EINVAL, syscall(SYS_pidfd_send_signal, fd, SIGTERM, nullptr, 99));
    FAILS(EINVAL, syscall(SYS_pidfd_getfd, fd, 0, 1));
    FAILS(EINVAL, syscall(SYS_ioprio_set, 1, other, 5 << 13));
    const sched_param none = {};
    FAILS(EINVAL, sched_setscheduler(other, 99, &none));
    FAILS(EPERM, sched_setscheduler(other, SCHED_BATCH, &none));
  });
}

BEHAVIOUR(kRoot, "a user lowers no process of its own that has capabilities") {
  int pipes[2];
  OK(pipe(pipes));
  const pid_t able = OK(fork());
  if (able == 0) {
    OK(setresuid(kUser, 0, 0));
    OK(write(pipes[1], "x", 1));
    pause();
    _exit(0);
  }
  char byte;
  OK(read(pipes[0], &byte, 1));
  As(kUser, [=] {
    FAILS(EPERM, setpriority(PRIO_PROCESS, able, 19));
    FAILS(EPERM, syscall(SYS_ioprio_set, 1, able, (2 << 13) | 6));
    cpu_set_t set;
    OK(sched_getaffinity(0, sizeof(set), &set));
    FAILS(EPERM, sched_setaffinity(able, sizeof(set), &set));
    OK(kill(able, 0));
  });
}

BEHAVIOUR(kRoot, "a user looks into no namespace and no descriptors of others") {
  const pid_t own = Sleeper(kUser), other = Sleeper(kOther);
  As(kUser, [=] {
    for (const char* name : {"ns/net", "ns/mnt", "ns/user", "fdinfo", "exe", "cwd"}) {
      FAILS(EACCES, open(("/proc/" + std::to_string(other) + "/" + name).c_str(), O_RDONLY));
      OK(open(("/proc/" + std::to_string(own) + "/" + name).c_str(), O_RDONLY));
    }
    char text[64];
    FAILS(EACCES, readlink(("/proc/" + std::to_string(other) + "/ns/net").c_str(), text, sizeof(text)));
    OK(open("/proc/net/dev", O_RDONLY));
    OK(open(("/proc/" + std::to_string(other) + "/net/dev").c_str(), O_RDONLY));
  });
}

BEHAVIOUR(kRoot, "root traces anybody") {
  const pid_t other = Sleeper(kOther);
  OK(ptrace(PTRACE_ATTACH, other, nullptr, nullptr));
  int status;
  OK(waitpid(other, &status, __WALL));
  THAT(WIFSTOPPED(status));
  errno = 0;
  ptrace(PTRACE_PEEKUSER, other, 0, nullptr);
  SAME(0, errno);
  OK(ptrace(PTRACE_DETACH, other, nullptr, nullptr));
}

BEHAVIOUR(kRoot, "a user's limits and priorities are its own to change") {
  const pid_t own = Sleeper(kUser), other = Sleeper(kOther);
  As(kUser, [=] {
    rlimit limit = {16, 16};
    OK(prlimit(own, RLIMIT_NOFILE, &limit, nullptr));
    FAILS(EPERM, prlimit(other, RLIMIT_NOFILE, nullptr, &limit));
    const int nice = getpriority(PRIO_PROCESS, 0);
    OK(setpriority(PRIO_PROCESS, own, nice + 5));
    FAILS(EPERM, setpriority(PRIO_PROCESS, other, 5));
    FAILS(ESRCH, setpriority(PRIO_USER, 77777, 5));
    FAILS(EPERM, setpriority(PRIO_USER, kOther, 5));
    FAILS(EACCES, setpriority(PRIO_PROCESS, own, nice + 1));
    SAME(nice + 5, getpriority(PRIO_PROCESS, own));
    cpu_set_t set;
    OK(sched_getaffinity(0, sizeof(set), &set));
    OK(sched_setaffinity(own, sizeof(set), &set));
    FAILS(EPERM, sched_setaffinity(other, sizeof(set), &set));
    FAILS(EPERM, syscall(SYS_ioprio_set, 1, other, (2 << 13) | 4));
    OK(syscall(SYS_ioprio_set, 1, own, (2 << 13) | 6));
    OK(syscall(SYS_ioprio_get, 3, kOther));
  });
}

}  // namespace
}  // namespace wslm::conformance
