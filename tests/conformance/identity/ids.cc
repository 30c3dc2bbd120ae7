// credentials(7): real, effective, saved and file-system ids, groups; per thread.
#include <grp.h>
#include <sys/fsuid.h>
#include <sys/syscall.h>

#include <thread>

#include "tests/conformance/conformance.h"

namespace wslm::conformance {
namespace {

constexpr char kArea[] = "identity/ids";

std::string Uids() {
  uid_t real, effective, saved;
  OK(getresuid(&real, &effective, &saved));
  return std::to_string(real) + " " + std::to_string(effective) + " " + std::to_string(saved);
}

std::string Gids() {
  gid_t real, effective, saved;
  OK(getresgid(&real, &effective, &saved));
  return std::to_string(real) + " " + std::to_string(effective) + " " + std::to_string(saved);
}

std::string StatusLine(const std::string& name) {
  const std::string status = ReadFile("/proc/self/status");
  const size_t start = status.find("\n" + name + ":\t") + name.size() + 3;
  return status.substr(start, status.find('\n', start) - start);
}

BEHAVIOUR(kRoot, "root's setuid sets all three, and there is no way back") {
  InChild([] {
    OK(setuid(7));
    SAME("7 7 7", Uids());
    FAILS(EPERM, setuid(0));
    FAILS(EPERM, seteuid(0));
    FAILS(EPERM, setresuid(0, -1, -1));
  });
}

BEHAVIOUR(kRoot, "a saved id lets seteuid come and go") {
  OK(seteuid(7));
  SAME("0 7 0", Uids());
  FAILS(EPERM, setgroups(0, nullptr));
  OK(seteuid(0));
  SAME("0 0 0", Uids());
}

BEHAVIOUR(kRoot, "setreuid moves the saved id when the real one is set, or the effective one is no more it") {
  OK(setreuid(5, 6));
  SAME("5 6 6", Uids());
  OK(setreuid(-1, 5));
  SAME("5 5 6", Uids());
  FAILS(EPERM, setreuid(6, -1));
}

BEHAVIOUR(kUsers, "a user swaps its ids, and takes no other") {
  const uid_t self = getuid();
  OK(setresuid(self, self, self));
  FAILS(EPERM, setuid(0));
  FAILS(EPERM, setresuid(-1, 0, -1));
  FAILS(EPERM, setreuid(-1, 3));
  FAILS(EPERM, setgid(0));
  FAILS(EPERM, setresgid(-1, -1, 9));
  FAILS(EPERM, setgroups(0, nullptr));
  SAME(std::to_string(self) + " " + std::to_string(self) + " " + std::to_string(self), Uids());
}

BEHAVIOUR(kEach, "-1 is no id") {
  FAILS(EINVAL, setuid(-1));
  FAILS(EINVAL, setgid(-1));
  const std::string before = Uids() + Gids();
  OK(setresuid(-1, -1, -1));
  OK(setresgid(-1, -1, -1));
  SAME(before, Uids() + Gids());
}

BEHAVIOUR(kRoot, "groups come and go with the gids in their own ways") {
  const gid_t groups[] = {9, 3, 5};
  OK(setgroups(3, groups));
  gid_t read[3];
  SAME(3, getgroups(0, nullptr));
  FAILS(EINVAL, getgroups(2, read));
  SAME(3, getgroups(3, read));
  SAME(3, read[0]);
  SAME(9, read[2]);
  FAILS(EINVAL, setgroups(65537, groups));
  OK(setresgid(1, 2, 3));
  SAME("1 2 3", Gids());
  SAME("1\t2\t3\t2", StatusLine("Gid"));
}

BEHAVIOUR(kRoot, "setfsuid answers the id before, changes only the file-system id and never fails") {
  SAME(0, setfsuid(7));
  SAME(7, setfsuid(-1));
  SAME("0\t0\t0\t7", StatusLine("Uid"));
  OK(seteuid(8));
  SAME(8, setfsuid(7));   // set along with the effective one
  SAME(8, setfsuid(-1));  // not one of its ids
}

BEHAVIOUR(kRoot, "ids are the thread's, and new threads and processes get the creator's") {
  std::thread([] {
    OK(syscall(SYS_setresuid, 7, 7, 7));
    std::thread([] { SAME(7, syscall(SYS_getuid)); }).join();
    InChild([] { SAME(7, getuid()); });
  }).join();
  SAME(0, syscall(SYS_getuid));
}

BEHAVIOUR(kRoot, "the status file shows all of them") {
  OK(setresgid(1, 2, 3));
  const gid_t groups[] = {4, 20};
  OK(setgroups(2, groups));
  OK(setresuid(5, 6, 7));
  SAME("5\t6\t7\t6", StatusLine("Uid"));
  SAME("1\t2\t3\t2", StatusLine("Gid"));
  SAME("4 20 ", StatusLine("Groups"));
}

BEHAVIOUR(kRoot, "a process' folder in /proc is its effective user's") {
  int pipes[2];
  OK(pipe(pipes));
  const pid_t child = OK(fork());
  if (child == 0) {
    OK(setresgid(9, 9, 9));
    OK(setresuid(8, 8, 8));
    char done = 0;
    OK(write(pipes[1], &done, 1));
    pause();
    _exit(0);
  }
  char done;
  OK(read(pipes[0], &done, 1));
  // By its status: changing ids makes a process undumpable, and then the folder is root's.
  const std::string status = ReadFile("/proc/" + std::to_string(child) + "/status");
  THAT(status.find("\nUid:\t8\t8\t8\t8\n") != std::string::npos);
  THAT(status.find("\nGid:\t9\t9\t9\t9\n") != std::string::npos);
}

}  // namespace
}  // namespace wslm::conformance
