// Why the VM ended by itself.
#ifndef WSLM_RUNTIME_V2_HOST_VM_END_H_
#define WSLM_RUNTIME_V2_HOST_VM_END_H_

#include <string>

namespace wslm {

struct VmEnd {
  // The reason of QEMU's SHUTDOWN or RESET event; empty when it said nothing.
  std::string qemu_reason;
  // QEMU was there still, without its agent.
  bool outlived_agent = false;
  // The end of the console's log.
  std::string console;
};

// As a sentence. Thread-safe.
std::string ExplainVmEnd(const VmEnd& end);

}  // namespace wslm

#endif  // WSLM_RUNTIME_V2_HOST_VM_END_H_
