// user_namespaces(7), made by users without any right, and what they allow inside.
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "tests/conformance/conformance.h"

namespace wslm::conformance {
namespace {

constexpr char kArea[] = "namespaces/user";

void Write(const char* path, const std::string& text) {
  const int fd = OK(open(path, O_WRONLY));
  OK(write(fd, text.data(), text.size()));
  OK(close(fd));
}

bool HasAdmin() {
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2];
  OK(syscall(SYS_capget, &header, data));
  return data[0].effective & (1U << CAP_SYS_ADMIN);
}

// Enters a namespace in which the caller is `inside`.
void Enter(uid_t inside, int more = 0) {
  const std::string uid = std::to_string(getuid()), gid = std::to_string(getgid());
  // Who changed its ids may not open its own files in /proc until it says this.
  OK(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0));
  OK(unshare(CLONE_NEWUSER | more));
  Write("/proc/self/setgroups", "deny");
  Write("/proc/self/uid_map", std::to_string(inside) + " " + uid + " 1");
  Write("/proc/self/gid_map", std::to_string(inside) + " " + gid + " 1");
}

BEHAVIOUR(kEach, "without a map one is nobody, with all capabilities until an exec") {
  OK(unshare(CLONE_NEWUSER));
  SAME(65534, getuid());
  SAME(65534, getegid());
  THAT(HasAdmin());
  SAME("", ReadFile("/proc/self/uid_map"));
  FAILS(EINVAL, setuid(0));
}

BEHAVIOUR(kEach, "the map says who one is inside") {
  const uid_t uid = getuid();
  Enter(0);
  SAME(0, getuid());
  SAME(0, geteuid());
  SAME(0, getgid());
  THAT(HasAdmin());
  char line[64];
  snprintf(line, sizeof(line), "%10u %10u %10u\n", 0, uid, 1);
  SAME(line, ReadFile("/proc/self/uid_map"));
  SAME("deny\n", ReadFile("/proc/self/setgroups"));
  FAILS(EPERM, setgroups(0, nullptr));
  FAILS(EINVAL, setuid(5));
  FAILS(EINVAL, setresuid(-1, 7, -1));
  OK(setresuid(0, 0, 0));
  THAT(ReadFile("/proc/self/status").find("\nUid:\t0\t0\t0\t0\n") != std::string::npos);
}

BEHAVIOUR(kEach, "a map ends at a NUL") {
  const std::string map = "0 " + std::to_string(getuid()) + " 1\n";
  OK(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0));
  OK(unshare(CLONE_NEWUSER));
  Write("/proc/self/uid_map", map + '\0' + "x");
  SAME(0, getuid());
  OK(setuid(0));
}

BEHAVIOUR(kUsers, "own files are root's inside, others' are nobody's, and rights over them are none") {
  WriteFile("mine", "text", 0600);
  Enter(0);
  SAME(0, StatOf("mine").st_uid);
  SAME(65534, StatOf("/etc/passwd").st_uid);
  WriteFile("new");
  OK(chown("new", 0, 0));
  FAILS(EINVAL, chown("new", 5, -1));
  FAILS(EACCES, open("/etc/shadow", O_RDONLY));
  FAILS(EPERM, chown("/etc/passwd", 0, 0));
  FAILS(EPERM, chmod("/etc/passwd", 0666));
  FAILS(EACCES, open("/etc/passwd", O_WRONLY));
}

BEHAVIOUR(kUsers, "what is made inside is the user's outside") {
  const pid_t child = OK(fork());
  if (child == 0) {
    Enter(0);
    WriteFile("made");
    MakeFolder("folder");
    _exit(0);
  }
  waitpid(child, nullptr, 0);
  SAME(getuid(), StatOf("made").st_uid);
  SAME(getgid(), StatOf("folder").st_gid);
}

BEHAVIOUR(kUsers, "only inside there are rights to mount, to be another host and to change the root") {
  FAILS(EPERM, unshare(CLONE_NEWNS));
  FAILS(EPERM, unshare(CLONE_NEWUTS));
  FAILS(EPERM, mount("t", ".", "tmpfs", 0, nullptr));
  FAILS(EPERM, chroot("."));
  FAILS(EPERM, sethostname("x", 1));
  Enter(0);
  FAILS(EPERM, mount("t", ".", "tmpfs", 0, nullptr));
  FAILS(EPERM, sethostname("x", 1));
  OK(unshare(CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC));
  OK(sethostname("inner", 5));
  MakeFolder("m");
  OK(mount("t", "m", "tmpfs", 0, "mode=755"));
  WriteFile("m/f");
  SAME(0, StatOf("m").st_uid);
  SAME(0, StatOf("m/f").st_uid);
  SAME(0755, ModeOf("m"));
  OK(mount("m", "m", nullptr, MS_BIND, nullptr));
  OK(umount("m"));
  OK(chroot("m"));
}

BEHAVIOUR(kUsers, "a process made in a namespace of its own gets its map from the parent") {
  int pipes[2];
  OK(pipe(pipes));
  OK(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0));
  const pid_t child = OK(static_cast<pid_t>(syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0)));
  if (child == 0) {
    close(pipes[1]);
    char done;
    read(pipes[0], &done, 1);
    SAME(77, getuid());
    SAME(88, getgid());
    _exit(0);
  }
  THAT(!HasAdmin());
  SAME(getuid(), geteuid());
  const std::string folder = "/proc/" + std::to_string(child) + "/";
  Write((folder + "setgroups").c_str(), "deny");
  Write((folder + "uid_map").c_str(), "77 " + std::to_string(getuid()) + " 1");
  Write((folder + "gid_map").c_str(), "88 " + std::to_string(getgid()) + " 1");
  close(pipes[1]);
  int status;
  OK(waitpid(child, &status, 0));
  SAME(0, status);
}

BEHAVIOUR(kUsers, "namespaces lie in namespaces") {
  Enter(0);
  Enter(5);
  SAME(5, getuid());
  THAT(HasAdmin());
  WriteFile("deep");
  SAME(5, StatOf("deep").st_uid);
}

BEHAVIOUR(kEach, "a map is set once") {
  Enter(0);
  const int fd = OK(open("/proc/self/uid_map", O_WRONLY));
  FAILS(EPERM, write(fd, "0 0 1", 5));
}

BEHAVIOUR(kUsers, "who is in there is still the user to others") {
  const pid_t child = OK(fork());
  if (child == 0) {
    Enter(0);
    FAILS(EPERM, kill(1, 0));
    OK(kill(getppid(), 0));
    pause();
    _exit(0);
  }
  usleep(100000);
  OK(kill(child, SIGKILL));
}

BEHAVIOUR(kRoot, "root inside of root's own is root over nothing else") {
  WriteFile("f");
  Own("f", 5, 5);
  Enter(0);
  SAME(0, getuid());
  SAME(65534, StatOf("f").st_uid);
  FAILS(EPERM, chown("f", 0, 0));
}

BEHAVIOUR(kRoot, "a root may map many users at once") {
  int pipes[2];
  OK(pipe(pipes));
  const pid_t child = OK(static_cast<pid_t>(syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0)));
  if (child == 0) {
    close(pipes[1]);
    char done;
    read(pipes[0], &done, 1);
    OK(setresgid(0, 0, 0));
    OK(setresuid(0, 0, 0));
    WriteFile("/tmp/wslm-mapped");
    OK(setresuid(33, 33, 33));
    SAME(33, getuid());
    FAILS(EPERM, setuid(0));
    _exit(0);
  }
  const std::string folder = "/proc/" + std::to_string(child) + "/";
  Write((folder + "uid_map").c_str(), "0 100000 1000");
  Write((folder + "gid_map").c_str(), "0 100000 1000");
  close(pipes[1]);
  int status;
  OK(waitpid(child, &status, 0));
  SAME(0, status);
  SAME(100000, StatOf("/tmp/wslm-mapped").st_uid);
  OK(unlink("/tmp/wslm-mapped"));
}

}  // namespace
}  // namespace wslm::conformance
