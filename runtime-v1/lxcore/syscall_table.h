// The table of system calls: every one that the kernel's headers know, and what becomes of it. The filter, the
// dispatcher and the page docs/syscalls.md are made from it; its rows are in syscalls/. A number that isn't here is
// ENOSYS.
#ifndef WSLM_RUNTIME_V1_LXCORE_SYSCALL_TABLE_H_
#define WSLM_RUNTIME_V1_LXCORE_SYSCALL_TABLE_H_

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "runtime-v1/lxcore/handlers.h"

namespace wslm::lxcore {

enum class Treatment : uint8_t {
  kNative,  // the kernel's
  kRefuse,  // with SyscallRule::error
  kNotify,  // SyscallRule::handler answers
  // The handler answers when the low half of an argument...
  kNotifyIfAnyBit,  // has one of `values` (one mask)
  kNotifyIfOneOf,   // is one of `values`
};

struct SyscallRule {
  int number = 0;
  std::string_view name = "";
  Treatment treatment = Treatment::kNative;
  Handler handler = nullptr;
  int error = 0;
  int argument = 0;
  std::vector<uint32_t> values = {};
  // For the page: what is not as Linux has it, and what else there is to know.
  std::string_view missing = "";
  std::string_view note = "";
};

struct SyscallArea {
  std::string_view title;
  std::vector<SyscallRule> rules;
};

// Valid for the program's life.
std::span<const SyscallArea> SyscallAreas();
// All their rules by number.
std::span<const SyscallRule> SyscallTable();

}  // namespace wslm::lxcore

#endif  // WSLM_RUNTIME_V1_LXCORE_SYSCALL_TABLE_H_
