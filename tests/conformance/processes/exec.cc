// execve(2): the right to run a program, set-id bits, what a set-id program is given.
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#include "tests/conformance/conformance.h"

namespace wslm::conformance {
namespace {

constexpr char kArea[] = "processes/exec";

std::string Run(const char* program, const std::vector<std::string>& arguments,
                const std::vector<std::string>& environment = {}) {
  int pipes[2];
  OK(pipe(pipes));
  const pid_t child = OK(fork());
  if (child == 0) {
    dup2(pipes[1], 1);
    std::vector<char*> argv = {const_cast<char*>(program)}, envp;
    for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
    for (const std::string& variable : environment) envp.push_back(const_cast<char*>(variable.c_str()));
    argv.push_back(nullptr);
    envp.push_back(nullptr);
    execve(program, argv.data(), envp.data());
    dprintf(1, "%s", ErrnoName(errno).c_str());
    _exit(99);
  }
  close(pipes[1]);
  std::string text;
  char buffer[4096];
  ssize_t size;
  while ((size = read(pipes[0], buffer, sizeof(buffer))) > 0) text.append(buffer, size);
  close(pipes[0]);
  waitpid(child, nullptr, 0);
  return text;
}

void Copy(const char* from, const char* to, mode_t mode, uid_t uid = 0, gid_t gid = 0) {
  WriteFile(to, ReadFile(from), 0755);
  Own(to, uid, gid);
  OK(chmod(to, mode));
}

BEHAVIOUR(kRoot, "a set-uid program has its owner as effective and saved user, the caller stays the real one") {
  Copy("/bin/grep", "g", 04755, 7, 0);
  As(kUser, [] { SAME("Uid:\t1000\t7\t7\t7\n", Run("./g", {"^Uid", "/proc/self/status"})); });
}

BEHAVIOUR(kRoot, "set-gid counts with the group's x bit only") {
  Copy("/bin/grep", "g", 02755, 0, 7);
  As(kUser, [] { SAME("Gid:\t1000\t7\t7\t7\n", Run("./g", {"^Gid", "/proc/self/status"})); });
  OK(chmod("g", 02745));
  As(kUser, [] { SAME("Gid:\t1000\t1000\t1000\t1000\n", Run("./g", {"^Gid", "/proc/self/status"})); });
}

BEHAVIOUR(kRoot, "set-id bits mean nothing under no_new_privs, for a script, or traced by a user") {
  Copy("/bin/grep", "g", 04755);
  WriteFile("s", "#!/bin/grep -he^Uid\n", 0755);
  OK(chmod("s", 04755));
  As(kUser, [] {
    SAME("Uid:\t1000\t1000\t1000\t1000\n", Run("./s", {"/proc/self/status"}));
    const pid_t child = OK(fork());
    if (child == 0) {
      OK(ptrace(PTRACE_TRACEME, 0, nullptr, nullptr));
      execl("./g", "g", "-q", "^Uid:\t1000\t1000", "/proc/self/status", nullptr);
      _exit(99);
    }
    int status;
    while (waitpid(child, &status, 0) == child && WIFSTOPPED(status)) ptrace(PTRACE_CONT, child, nullptr, nullptr);
    SAME(0, status);
    OK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
    SAME("Uid:\t1000\t1000\t1000\t1000\n", Run("./g", {"^Uid", "/proc/self/status"}));
  });
}

BEHAVIOUR(kRoot, "a set-uid interpreter is set-uid for its scripts") {
  Copy("/bin/grep", "g", 04755, 7, 0);
  char folder[4096];
  OK(getcwd(folder, sizeof(folder)));
  WriteFile("s", std::string("#!") + folder + "/g -he^Uid\n", 0755);
  As(kUser, [] { SAME("Uid:\t1000\t7\t7\t7\n", Run("./s", {"/proc/self/status"})); });
}

BEHAVIOUR(kRoot, "a set-id program's loader leaves out LD_PRELOAD and its like, nobody else's does") {
  Copy("/usr/bin/env", "e", 04755);
  Copy("/usr/bin/env", "plain", 0755);
  const std::vector<std::string> environment = {"A=1", "LD_LIBRARY_PATH=/x", "B=2", "TMPDIR=/y", "LD_PRELOAD=/none.so"};
  As(kUser, [&] {
    const std::string text = Run("./e", {}, environment);
    THAT(text.find("A=1\nB=2\n") == 0 || text.find("A=1\n") == 0);
    THAT(text.find("LD_") == std::string::npos);
    THAT(text.find("TMPDIR") == std::string::npos);
    THAT(Run("./plain", {}, {"A=1", "LD_LIBRARY_PATH=/x"}).find("LD_LIBRARY_PATH=/x") != std::string::npos);
  });
}

BEHAVIOUR(kRoot, "a vforked child's set-id exec leaves the parent's environment alone") {
  Copy("/bin/true", "t", 04755);
  As(kUser, [] {
    char preload[] = "LD_LIBRARY_PATH=/x";
    char* envp[] = {preload, nullptr};
    char name[] = "t";
    char* argv[] = {name, nullptr};
    const pid_t child = vfork();
    if (child == 0) {
      execve("./t", argv, envp);
      _exit(99);
    }
    int status;
    OK(waitpid(child, &status, 0));
    SAME(0, status);
    THAT(envp[0] == preload);
    SAME("LD_LIBRARY_PATH=/x", envp[0]);
  });
}

BEHAVIOUR(kEach, "what nobody may run is EACCES, a folder too, what is no program ENOEXEC") {
  WriteFile("f", "text", 0644);
  FAILS(EACCES, execl("./f", "f", nullptr));
  FAILS(EACCES, execl(".", ".", nullptr));
  FAILS(ENOENT, execl("./none", "none", nullptr));
  OK(chmod("f", 0755));
  FAILS(ENOEXEC, execl("./f", "f", nullptr));
}

BEHAVIOUR(kRoot, "a program and its interpreter each need the caller's x") {
  Copy("/bin/true", "mine", 0700);
  char folder[4096];
  OK(getcwd(folder, sizeof(folder)));
  WriteFile("s", std::string("#!") + folder + "/mine\n", 0755);
  As(kUser, [] {
    FAILS(EACCES, execl("./mine", "mine", nullptr));
    FAILS(EACCES, execl("./s", "s", nullptr));
  });
  OK(chmod("mine", 0711));
  As(kUser, [] {
    SAME("", Run("./mine", {}));
    SAME("", Run("./s", {}));
  });
}

BEHAVIOUR(kRoot, "a mount that is nosuid makes set-id bits mean nothing") {
  if (unshare(CLONE_NEWNS) != 0) SKIP("no mount namespaces");
  OK(mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr));
  MakeFolder("m");
  OK(mount("t", "m", "tmpfs", MS_NOSUID, nullptr));
  Copy("/bin/grep", "m/g", 04755);
  As(kUser, [] { SAME("Uid:\t1000\t1000\t1000\t1000\n", Run("m/g", {"^Uid", "/proc/self/status"})); });
  OK(umount("m"));
}

BEHAVIOUR(kEach, "who logged in goes from process to process") {
  const std::string before = ReadFile("/proc/self/loginuid");
  InChild([&] { SAME(before, ReadFile("/proc/self/loginuid")); });
}

BEHAVIOUR(kRoot, "loginuid is what was written there") {
  InChild([] {
    const int fd = OK(open("/proc/self/loginuid", O_WRONLY | O_TRUNC));
    OK(write(fd, "1234", 4));
    close(fd);
    SAME("1234", ReadFile("/proc/self/loginuid"));
    SAME("1234", Run("/bin/cat", {"/proc/self/loginuid"}));
  });
}

}  // namespace
}  // namespace wslm::conformance
