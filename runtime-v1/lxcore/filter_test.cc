#include "runtime-v1/lxcore/filter.h"

#include <errno.h>
#include <gtest/gtest.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <algorithm>
#include <cstring>
#include <set>

#include "runtime-v1/fastpath/protocol.h"

namespace wslm::lxcore {
namespace {

// What the kernel's interpreter would answer; the instructions that BuildFilter uses, no others.
uint32_t Run(const std::vector<sock_filter>& program, const seccomp_data& data) {
  uint32_t accumulator = 0;
  for (size_t at = 0; at < program.size(); ++at) {
    const sock_filter& i = program[at];
    switch (i.code) {
      case BPF_LD | BPF_W | BPF_ABS:
        std::memcpy(&accumulator, reinterpret_cast<const char*>(&data) + i.k, sizeof(accumulator));
        break;
      case BPF_RET | BPF_K:
        return i.k;
      case BPF_JMP | BPF_JA:
        at += i.k;
        break;
      case BPF_JMP | BPF_JEQ | BPF_K:
        at += accumulator == i.k ? i.jt : i.jf;
        break;
      case BPF_JMP | BPF_JGE | BPF_K:
        at += accumulator >= i.k ? i.jt : i.jf;
        break;
      case BPF_JMP | BPF_JSET | BPF_K:
        at += accumulator & i.k ? i.jt : i.jf;
        break;
      default:
        ADD_FAILURE() << "unexpected instruction " << i.code;
        return 0;
    }
  }
  ADD_FAILURE() << "ran off the end";
  return 0;
}

uint32_t Verdict(int number, std::vector<uint64_t> args = {}, uint32_t arch = AUDIT_ARCH_X86_64) {
  static const std::vector<sock_filter> program = BuildFilter(SyscallTable());
  seccomp_data data = {.nr = number, .arch = arch};
  std::copy(args.begin(), args.end(), data.args);
  return Run(program, data);
}

constexpr uint32_t kRefused = SECCOMP_RET_ERRNO;

TEST(FilterTest, EveryCallOfTheTableGetsItsTreatment) {
  for (const SyscallRule& rule : SyscallTable()) {
    switch (rule.treatment) {
      case Treatment::kNative:
        EXPECT_EQ(Verdict(rule.number), SECCOMP_RET_ALLOW) << rule.name;
        break;
      case Treatment::kRefuse:
        EXPECT_EQ(Verdict(rule.number), kRefused | static_cast<uint32_t>(rule.error)) << rule.name;
        break;
      case Treatment::kNotify:
        EXPECT_EQ(Verdict(rule.number), SECCOMP_RET_USER_NOTIF) << rule.name;
        break;
      case Treatment::kNotifyIfAnyBit:
      case Treatment::kNotifyIfOneOf:
        std::vector<uint64_t> args(6, 0);
        args[rule.argument] = rule.values[0];
        EXPECT_EQ(Verdict(rule.number, args), SECCOMP_RET_USER_NOTIF) << rule.name;
        break;
    }
  }
}

TEST(FilterTest, ANumberThatTheTableDoesNotKnowDoesNotExist) {
  std::set<int> known;
  for (const SyscallRule& rule : SyscallTable()) known.insert(rule.number);
  for (int number = 0; number < 600; ++number) {
    if (known.contains(number)) continue;
    EXPECT_EQ(Verdict(number), kRefused | ENOSYS) << number;
  }
}

TEST(FilterTest, PlainForkIsNativeAndNamespacesAreNot) {
  EXPECT_EQ(Verdict(SYS_clone, {CLONE_VM | CLONE_VFORK | 17}), SECCOMP_RET_ALLOW);
  EXPECT_EQ(Verdict(SYS_clone, {CLONE_NEWUSER | 17}), SECCOMP_RET_USER_NOTIF);
}

TEST(FilterTest, OfArgumentsOnlyThoseNamedAreNotified) {
  EXPECT_EQ(Verdict(SYS_prctl, {PR_SET_NAME}), SECCOMP_RET_ALLOW);
  EXPECT_EQ(Verdict(SYS_prctl, {PR_SET_TIMERSLACK}), SECCOMP_RET_USER_NOTIF);
  EXPECT_EQ(Verdict(SYS_getsockopt, {3, SOL_SOCKET, SO_ERROR}), SECCOMP_RET_ALLOW);
  EXPECT_EQ(Verdict(SYS_getsockopt, {3, SOL_SOCKET, SO_PEERCRED}), SECCOMP_RET_USER_NOTIF);
}

TEST(FilterTest, OtherWaysOfCallingDontExist) {
  EXPECT_EQ(Verdict(SYS_getuid | 0x40000000), kRefused | ENOSYS) << "x32";
  EXPECT_EQ(Verdict(24, {}, AUDIT_ARCH_I386), kRefused | ENOSYS) << "i386";
}

// With the fast path, and a sixth argument.
uint32_t FastVerdict(int number, uint64_t sixth) {
  static const std::vector<sock_filter> program = BuildFilter(SyscallTable(), FastCalls());
  const seccomp_data data = {.nr = number, .arch = AUDIT_ARCH_X86_64, .args = {0, 0, 0, 0, 0, sixth}};
  return Run(program, data);
}

TEST(FilterTest, CallsOfTheFastPathPassWithTheMarkAndOnlyWithIt) {
  for (int number : FastCalls()) {
    EXPECT_EQ(FastVerdict(number, WSLM_FAST_NATIVE), SECCOMP_RET_ALLOW) << number;
    EXPECT_EQ(FastVerdict(number, 0), SECCOMP_RET_USER_NOTIF) << number;
    EXPECT_EQ(FastVerdict(number, WSLM_FAST_NATIVE ^ uint64_t{1} << 40), SECCOMP_RET_USER_NOTIF) << number;
    EXPECT_EQ(FastVerdict(number, WSLM_FAST_NATIVE ^ 1), SECCOMP_RET_USER_NOTIF) << number;
    EXPECT_EQ(Verdict(number, {0, 0, 0, 0, 0, WSLM_FAST_NATIVE}), SECCOMP_RET_USER_NOTIF) << number;
  }
  for (const SyscallRule& rule : SyscallTable()) {
    if (std::count(FastCalls().begin(), FastCalls().end(), rule.number) != 0) continue;
    EXPECT_EQ(FastVerdict(rule.number, WSLM_FAST_NATIVE), Verdict(rule.number, {0, 0, 0, 0, 0, WSLM_FAST_NATIVE}))
        << rule.name;
  }
}

TEST(FilterTest, FitsTheKernelsLimit) { EXPECT_LT(BuildFilter(SyscallTable()).size(), size_t{BPF_MAXINSNS}); }

}  // namespace
}  // namespace wslm::lxcore
