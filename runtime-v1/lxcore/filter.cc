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

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif

namespace wslm::lxcore {
namespace {

constexpr uint32_t kX32Bit = 0x40000000;

using Program = std::vector<sock_filter>;

sock_filter Statement(uint16_t code, uint32_t k) { return BPF_STMT(code, k); }
sock_filter Return(uint32_t action) { return Statement(BPF_RET | BPF_K, action); }
sock_filter Jump(uint16_t condition, uint32_t k, uint8_t if_true, uint8_t if_false) {
  return BPF_JUMP(static_cast<uint16_t>(BPF_JMP | condition | BPF_K), k, if_true, if_false);
}

// What follows once the number is known to be the rule's.
Program ActionOf(const SyscallRule& rule) {
  const sock_filter load =
      Statement(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, args) + sizeof(uint64_t) * rule.argument);
  switch (rule.treatment) {
    case Treatment::kRefuse:
      return {Return(SECCOMP_RET_ERRNO | static_cast<uint32_t>(rule.error))};
    case Treatment::kNotify:
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

// A tree of comparisons, so that a call costs some 8 instructions instead of one per rule.
Program TreeOf(std::span<const SyscallRule> rules) {
  Program program;
  if (rules.size() == 1) {
    const Program action = ActionOf(rules[0]);
    program.push_back(Jump(BPF_JEQ, static_cast<uint32_t>(rules[0].number), 1, 0));
    program.push_back(Return(SECCOMP_RET_ALLOW));
    program.insert(program.end(), action.begin(), action.end());
    return program;
  }
  const size_t middle = rules.size() / 2;
  const Program low = TreeOf(rules.first(middle));
  const Program high = TreeOf(rules.subspan(middle));
  // Conditional jumps reach 255 instructions, the plain one any distance.
  program.push_back(Jump(BPF_JGE, static_cast<uint32_t>(rules[middle].number), 0, 1));
  program.push_back(Statement(BPF_JMP | BPF_JA, static_cast<uint32_t>(low.size())));
  program.insert(program.end(), low.begin(), low.end());
  program.insert(program.end(), high.begin(), high.end());
  return program;
}

}  // namespace

std::vector<sock_filter> BuildFilter(std::span<const SyscallRule> rules) {
  std::vector<SyscallRule> sorted(rules.begin(), rules.end());
  std::sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) { return a.number < b.number; });
  Program program = {
      Statement(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, arch)),
      Jump(BPF_JEQ, AUDIT_ARCH_X86_64, 1, 0),
      Return(SECCOMP_RET_ERRNO | ENOSYS),
      Statement(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      Jump(BPF_JGE, kX32Bit, 0, 1),
      Return(SECCOMP_RET_ERRNO | ENOSYS),
  };
  const Program tree = sorted.empty() ? Program{Return(SECCOMP_RET_ALLOW)} : TreeOf(sorted);
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
