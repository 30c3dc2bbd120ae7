// The program that shows whether KVM runs programs (accelerator.h): one for each processor architecture (machine.h).
#ifndef WSLM_RUNTIME_V2_HOST_KVM_TRIAL_H_
#define WSLM_RUNTIME_V2_HOST_KVM_TRIAL_H_

namespace wslm {

// The exit code of the process that tried.
enum class KvmOutcome { kWorks = 0, kNoVm = 10, kNoIrqchip = 11, kTooSlow = 12, kWrong = 13 };

// Runs a loop and a change of page tables in a virtual machine of one page. `kvm`: /dev/kvm. For a child of fork(2):
// makes system calls only. May take for ever.
KvmOutcome TryKvmOnX86(int kvm);

}  // namespace wslm

#endif  // WSLM_RUNTIME_V2_HOST_KVM_TRIAL_H_
