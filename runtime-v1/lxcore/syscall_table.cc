#include "runtime-v1/lxcore/syscall_table.h"

#include <algorithm>

#include "runtime-v1/lxcore/syscalls/areas.h"

namespace wslm::lxcore {
namespace {

std::vector<SyscallRule> RulesByNumber() {
  std::vector<SyscallRule> rules;
  for (const SyscallArea& area : SyscallAreas()) rules.insert(rules.end(), area.rules.begin(), area.rules.end());
  std::sort(rules.begin(), rules.end(), [](const auto& a, const auto& b) { return a.number < b.number; });
  return rules;
}

}  // namespace

std::span<const SyscallArea> SyscallAreas() {
  static const std::vector<SyscallArea>& areas = *new std::vector<SyscallArea>{
      CredentialCalls(), FileCalls(),   AttributeCalls(),  DescriptorCalls(), MountCalls(),
      ProcessCalls(),    SignalCalls(), SchedulingCalls(), MemoryCalls(),     TimeCalls(),
      SocketCalls(),     IpcCalls(),    SystemCalls(),
  };
  return areas;
}

std::span<const SyscallRule> SyscallTable() {
  static const std::vector<SyscallRule>& table = *new std::vector<SyscallRule>(RulesByNumber());
  return table;
}

}  // namespace wslm::lxcore
