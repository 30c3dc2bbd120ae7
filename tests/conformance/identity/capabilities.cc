// capabilities(7): the sets of a thread, and what ids, prctl and exec do to them.
#include <endian.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <linux/securebits.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/xattr.h>

#include "tests/conformance/conformance.h"

namespace wslm::conformance {
namespace {

constexpr char kArea[] = "identity/capabilities";

constexpr uint32_t Bit(int capability) { return 1U << capability; }
// Of those that every bare kernel run has.
constexpr uint32_t kChown = Bit(CAP_CHOWN), kKill = Bit(CAP_KILL), kRaw = Bit(CAP_NET_RAW);

struct Sets {
  uint32_t effective, permitted, inheritable;
};

Sets Get(pid_t pid = 0) {
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, pid};
  __user_cap_data_struct data[2];
  OK(syscall(SYS_capget, &header, data));
  return {data[0].effective, data[0].permitted, data[0].inheritable};
}

long Set(const Sets& sets) {
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2] = {{sets.effective, sets.permitted, sets.inheritable}, {0, 0, 0}};
  return syscall(SYS_capset, &header, data);
}

// A program that ends with 0 when it has `wanted` as its effective set (the lower half), else with 1.
int RunAndCompare(const char* program, const char* wanted) {
  const pid_t child = OK(fork());
  if (child == 0) {
    execl(program, program, "-q", (std::string("^CapEff:\t[0-9a-f]{8}") + wanted + "$").c_str(), "-E",
          "/proc/self/status", nullptr);
    _exit(99);
  }
  int status;
  OK(waitpid(child, &status, 0));
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

void GiveCapabilities(const char* path, uint32_t permitted, uint32_t inheritable, bool effective) {
  vfs_cap_data data = {};
  data.magic_etc = htole32(VFS_CAP_REVISION_2 | (effective ? VFS_CAP_FLAGS_EFFECTIVE : 0));
  data.data[0].permitted = htole32(permitted);
  data.data[0].inheritable = htole32(inheritable);
  OK(setxattr(path, "security.capability", &data, sizeof(data), 0));
}

void CopyGrep(const char* to) { WriteFile(to, ReadFile("/bin/grep"), 0755); }

BEHAVIOUR(kUsers, "a user has none and gets none") {
  SAME(0, Get().permitted);
  SAME(0, Get().effective);
  FAILS(EPERM, Set({kChown, kChown, 0}));
  FAILS(EPERM, Set({0, 0, kChown}));
  FAILS(EPERM, prctl(PR_CAPBSET_DROP, CAP_CHOWN, 0, 0, 0));
  FAILS(EPERM, prctl(PR_SET_SECUREBITS, SECBIT_NOROOT, 0, 0, 0));
  FAILS(EPERM, prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_CHOWN, 0, 0));
}

BEHAVIOUR(kRoot, "what is dropped from the permitted set does not come back") {
  OK(Set({kChown, kChown | kKill, 0}));
  FAILS(EPERM, Set({kRaw, kRaw, 0}));
  FAILS(EPERM, Set({kRaw, kChown, 0}));
  OK(Set({kKill, kKill, 0}));
  SAME(kKill, Get().effective);
}

BEHAVIOUR(kRoot, "becoming a user clears the sets unless they are kept, and then the effective one") {
  InChild([] {
    OK(setresuid(5, 5, 5));
    SAME(0, Get().permitted);
  });
  OK(prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0));
  SAME(1, prctl(PR_GET_KEEPCAPS, 0, 0, 0, 0));
  const uint32_t before = Get().permitted;
  OK(setresuid(5, 5, 5));
  SAME(before, Get().permitted);
  SAME(0, Get().effective);
  OK(Set({kChown, kChown, 0}));
  InChild([] { SAME(kChown, Get().effective); });
}

BEHAVIOUR(kRoot, "the effective set goes and comes with the effective user") {
  OK(seteuid(5));
  SAME(0, Get().effective);
  THAT(Get().permitted & kChown);
  OK(seteuid(0));
  THAT(Get().effective & kChown);
}

BEHAVIOUR(kRoot, "no capability, no right: chown, kill and setuid ask for theirs") {
  WriteFile("f");
  OK(Set({Bit(CAP_SETUID), Bit(CAP_SETUID), 0}));
  FAILS(EPERM, chown("f", 5, 5));
  FAILS(EPERM, setgid(5));
  FAILS(EPERM, chroot("."));
  OK(setuid(5));
}

BEHAVIOUR(kEach, "capget answers for others, and which version it knows") {
  __user_cap_header_struct header = {0, 0};
  SAME(0, syscall(SYS_capget, &header, nullptr));
  SAME(_LINUX_CAPABILITY_VERSION_3, header.version);
  header.version = 0;
  __user_cap_data_struct data[2];
  FAILS(EINVAL, syscall(SYS_capget, &header, data));
  header = {_LINUX_CAPABILITY_VERSION_3, -1};
  FAILS(EINVAL, syscall(SYS_capget, &header, data));
  header.pid = 1 << 21;
  FAILS(ESRCH, syscall(SYS_capget, &header, data));
  header.pid = 1;
  OK(syscall(SYS_capget, &header, data));
  THAT(data[0].permitted & kChown);
}

BEHAVIOUR(kRoot, "exec as root gives what the bounding set allows") {
  OK(prctl(PR_CAPBSET_DROP, CAP_NET_RAW, 0, 0, 0));
  SAME(0, prctl(PR_CAPBSET_READ, CAP_NET_RAW, 0, 0, 0));
  FAILS(EINVAL, prctl(PR_CAPBSET_READ, 63, 0, 0, 0));
  THAT(Get().effective & kRaw);
  const pid_t child = OK(fork());
  if (child == 0) {
    execl("/bin/sh", "sh", "-c", "v=$(sed -n 's/^CapEff:\t//p' /proc/self/status); test $((0x$v & 1<<13)) = 0",
          nullptr);
    _exit(99);
  }
  int status;
  OK(waitpid(child, &status, 0));
  SAME(0, status);
}

BEHAVIOUR(kRoot, "a program with capabilities gives them to a user") {
  CopyGrep("g");
  GiveCapabilities("g", kRaw | kKill, 0, true);
  As(kUser, [] { SAME(0, RunAndCompare("./g", "00002020")); });
  GiveCapabilities("g", kRaw | kKill, 0, false);
  As(kUser, [] { SAME(0, RunAndCompare("./g", "00000000")); });
}

BEHAVIOUR(kRoot, "a program's capabilities are not given under no_new_privs") {
  CopyGrep("g");
  GiveCapabilities("g", kRaw, 0, true);
  As(kUser, [] {
    OK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
    SAME(1, prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
    SAME(0, RunAndCompare("./g", "00000000"));
  });
}

BEHAVIOUR(kRoot, "a program that wants more than the bounding set has is not run") {
  CopyGrep("g");
  GiveCapabilities("g", kRaw, 0, true);
  OK(prctl(PR_CAPBSET_DROP, CAP_NET_RAW, 0, 0, 0));
  As(kUser, [] { FAILS(EPERM, execl("./g", "g", nullptr)); });
}

BEHAVIOUR(kRoot, "a copy and a change take a program's capabilities away") {
  CopyGrep("g");
  GiveCapabilities("g", kRaw, 0, true);
  OK(chown("g", 5, 5));
  FAILS(ENODATA, getxattr("g", "security.capability", nullptr, 0));
}

BEHAVIOUR(kRoot, "ambient capabilities stay with a user over exec") {
  OK(prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0));
  OK(setgroups(0, nullptr));
  OK(setresuid(5, 5, 5));
  OK(Set({kKill, kKill, 0}));
  FAILS(EPERM, prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_KILL, 0, 0));
  OK(Set({kKill, kKill, kKill}));
  OK(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_KILL, 0, 0));
  SAME(1, prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_KILL, 0, 0));
  SAME(0, RunAndCompare("/bin/grep", "00000020"));
  OK(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0));
  SAME(0, RunAndCompare("/bin/grep", "00000000"));
}

BEHAVIOUR(kRoot, "under NOROOT a root's exec gives nothing") {
  OK(prctl(PR_SET_SECUREBITS, SECBIT_NOROOT | SECBIT_NOROOT_LOCKED, 0, 0, 0));
  SAME(SECBIT_NOROOT | SECBIT_NOROOT_LOCKED, prctl(PR_GET_SECUREBITS, 0, 0, 0, 0));
  FAILS(EPERM, prctl(PR_SET_SECUREBITS, 0, 0, 0, 0));
  SAME(0, RunAndCompare("/bin/grep", "00000000"));
}

BEHAVIOUR(kRoot, "under NO_SETUID_FIXUP ids leave the sets alone") {
  OK(prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP, 0, 0, 0));
  OK(setresuid(5, 5, 5));
  THAT(Get().effective & kChown);
}

BEHAVIOUR(kRoot, "a filter of system calls needs no_new_privs or the right") {
  As(kUser, [] {
    sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    sock_fprog program = {1, &allow};
    FAILS(EACCES, syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program));
    FAILS(EACCES, prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program));
    OK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
    OK(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program));
  });
}

}  // namespace
}  // namespace wslm::conformance
