#include "runtime-v1/lxcore/filter.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>

#include "distros/host/error.h"
#include "runtime-v1/fastpath/protocol.h"

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif

namespace wslm::lxcore {
namespace {

using Program = std::vector<sock_filter>;

sock_filter Statement(uint16_t code, uint32_t k) { return BPF_STMT(code, k); }
sock_filter Return(uint32_t action) { return Statement(BPF_RET | BPF_K, action); }
sock_filter Jump(uint16_t condition, uint32_t k, uint8_t if_true, uint8_t if_false) {
  return BPF_JUMP(static_cast<uint16_t>(BPF_JMP | condition | BPF_K), k, if_true, if_false);
}

// Notifies but for the calls of the fast path.
Program NotifyUnlessNative() {
  constexpr uint32_t kArgument = offsetof(seccomp_data, args) + sizeof(uint64_t) * 5;
  return {Statement(BPF_LD | BPF_W | BPF_ABS, kArgument),
          Jump(BPF_JEQ, static_cast<uint32_t>(WSLM_FAST_NATIVE), 0, 3),
          Statement(BPF_LD | BPF_W | BPF_ABS, kArgument + sizeof(uint32_t)),
          Jump(BPF_JEQ, static_cast<uint32_t>(WSLM_FAST_NATIVE >> 32), 0, 1),
          Return(SECCOMP_RET_ALLOW),
          Return(SECCOMP_RET_USER_NOTIF)};
}

// What follows once the number is known to be the rule's.
Program ActionOf(const SyscallRule& rule, std::span<const int> fast) {
  const sock_filter load =
      Statement(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, args) + sizeof(uint64_t) * rule.argument);
  switch (rule.treatment) {
    case Treatment::kNative:
      break;
    case Treatment::kRefuse:
      return {Return(SECCOMP_RET_ERRNO | static_cast<uint32_t>(rule.error))};
    case Treatment::kNotify:
      if (std::find(fast.begin(), fast.end(), rule.number) != fast.end()) return NotifyUnlessNative();
      return {Return(SECCOMP_RET_USER_NOTIF)};
    case Treatment::kNotifyIfAnyBit:
      return {load, Jump(BPF_JSET, rule.values[0], 0, 1), Return(SECCOMP_RET_USER_NOTIF), Return(SECCOMP_RET_ALLOW)};
    case Treatment::kNotifyIfOneOf: {
      Program program = {load};
      for (uint32_t value : rule.values) {
        program.push_back(Jump(BPF_JEQ, value, 0, 1));
        program.push_back(Return(SECCOMP_RET_USER_NOTIF));
      }
      program.push_back(Return(SECCOMP_RET_ALLOW));
      return program;
    }
  }
  return {Return(SECCOMP_RET_ALLOW)};
}

// What happens to all numbers from `first` on, up to the next range's.
struct Range {
  uint32_t first;
  SyscallRule rule;
};

// Neighbours that are all the kernel's, or all unknown, are one range.
std::vector<Range> RangesOf(std::span<const SyscallRule> rules) {
  const SyscallRule unknown{.treatment = Treatment::kRefuse, .error = ENOSYS};
  std::vector<Range> ranges;
  uint32_t next = 0;
  for (const SyscallRule& rule : rules) {
    const auto number = static_cast<uint32_t>(rule.number);
    if (number > next) ranges.push_back({next, unknown});
    const bool joins =
        rule.treatment == Treatment::kNative && !ranges.empty() && ranges.back().rule.treatment == Treatment::kNative;
    if (!joins) ranges.push_back({number, rule});
    next = number + 1;
  }
  ranges.push_back({next, unknown});
  return ranges;
}

// A tree of comparisons, so that a call costs some 8 instructions instead of one per rule.
Program TreeOf(std::span<const Range> ranges, std::span<const int> fast) {
  if (ranges.size() == 1) return ActionOf(ranges[0].rule, fast);
  const size_t middle = ranges.size() / 2;
  const Program low = TreeOf(ranges.first(middle), fast);
  const Program high = TreeOf(ranges.subspan(middle), fast);
  // Conditional jumps reach 255 instructions, the plain one any distance.
  Program program = {Jump(BPF_JGE, ranges[middle].first, 0, 1),
                     Statement(BPF_JMP | BPF_JA, static_cast<uint32_t>(low.size()))};
  program.insert(program.end(), low.begin(), low.end());
  program.insert(program.end(), high.begin(), high.end());
  return program;
}

}  // namespace

std::span<const int> FastCalls() {
  static constexpr int kCalls[] = {SYS_statx,      SYS_newfstatat, SYS_openat,    SYS_faccessat2,
                                   SYS_readlinkat, SYS_getxattr,   SYS_fgetxattr, SYS_chown,
                                   SYS_lchown,     SYS_fchown,     SYS_fchownat,  SYS_fchmod,
                                   SYS_fchmodat,   SYS_utimensat,  SYS_unlink,    SYS_unlinkat};
  return kCalls;
}

std::vector<sock_filter> BuildFilter(std::span<const SyscallRule> rules, std::span<const int> fast) {
  Program program = {
      Statement(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, arch)),
      Jump(BPF_JEQ, AUDIT_ARCH_X86_64, 1, 0),
      Return(SECCOMP_RET_ERRNO | ENOSYS),
      Statement(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
  };
  // The calls of x32 are numbers far above all others.
  const Program tree = TreeOf(RangesOf(rules), fast);
  program.insert(program.end(), tree.begin(), tree.end());
  return program;
}

absl::StatusOr<UniqueFd> InstallFilter(const std::vector<sock_filter>& program) {
  sock_fprog code = {static_cast<unsigned short>(program.size()), const_cast<sock_filter*>(program.data())};
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return ErrnoError("cannot set", "no_new_privs");
  // Without WAIT_KILLABLE_RECV (Linux 5.19) a signal makes the guest repeat a call that was done already.
  for (unsigned long extra : {SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, 0UL}) {
    const long fd = ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER | extra, &code);
    if (fd >= 0) return UniqueFd(static_cast<int>(fd));
    if (errno != EINVAL) break;
  }
  if (errno == EBUSY) {
    return Error(
        absl::StatusCode::kFailedPrecondition, reason::kHostUnsupported,
        "wslm was started under a seccomp listener of another program (a sandbox), and there can be only one.");
  }
  return ErrnoError("cannot install", "the seccomp filter");
}

}  // namespace wslm::lxcore
