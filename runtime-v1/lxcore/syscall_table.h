// Every system call that isn't simply the kernel's, in one table: the filter and the dispatcher are made from it.
#ifndef WSLM_RUNTIME_V1_LXCORE_SYSCALL_TABLE_H_
#define WSLM_RUNTIME_V1_LXCORE_SYSCALL_TABLE_H_

#include <cstdint>
#include <span>
#include <vector>

#include "runtime-v1/lxcore/handlers.h"

namespace wslm::lxcore {

enum class Treatment : uint8_t {
  kRefuse,  // with SyscallRule::error
  kNotify,  // SyscallRule::handler answers
  // The handler answers when the low half of an argument...
  kNotifyIfAnyBit,  // has one of `values` (one mask)
  kNotifyIfOneOf,   // is one of `values`
};

struct SyscallRule {
  int number = 0;
  Treatment treatment = Treatment::kNotify;
  Handler handler = nullptr;
  int error = 0;
  int argument = 0;
  std::vector<uint32_t> values = {};
};

// Valid for the program's life.
std::span<const SyscallRule> SyscallTable();

}  // namespace wslm::lxcore

#endif  // WSLM_RUNTIME_V1_LXCORE_SYSCALL_TABLE_H_
