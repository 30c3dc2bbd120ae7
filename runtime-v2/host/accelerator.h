// Whether KVM is there and works. /dev/kvm may be there and be of no use (a host that is itself a machine without
// nested virtualization interprets every instruction): so it is tried, and what was found is kept for the boot of the
// host.
#ifndef WSLM_RUNTIME_V2_HOST_ACCELERATOR_H_
#define WSLM_RUNTIME_V2_HOST_ACCELERATOR_H_

#include <string>

namespace wslm {

struct Accelerator {
  bool kvm = false;
  std::string reason;  // a sentence
};

inline constexpr char kKvmDevice[] = "/dev/kvm";

// Runs a small loop in a virtual machine of its own, in a child process, for at most half a second.
Accelerator ProbeKvm(const std::string& device = kKvmDevice);

// The kept answer, else ProbeKvm's, which is kept in `cache_folder`. What a user can change (rights on /dev/kvm) is
// looked at every time.
Accelerator ChooseAccelerator(const std::string& cache_folder, const std::string& device = kKvmDevice);

// KVM passed the probe and then failed to boot the VM: TCG until the host boots again.
void RememberKvmFailure(const std::string& cache_folder, const std::string& reason);

}  // namespace wslm

#endif  // WSLM_RUNTIME_V2_HOST_ACCELERATOR_H_
