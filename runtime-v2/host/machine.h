// What differs from one processor architecture to another: the machine that QEMU gives the VM, and its kernel.
#ifndef WSLM_RUNTIME_V2_HOST_MACHINE_H_
#define WSLM_RUNTIME_V2_HOST_MACHINE_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "runtime-v2/host/kvm_trial.h"

namespace wslm {

struct Machine {
  // QEMU's program, and Debian's package that has it.
  const char* qemu;
  const char* qemu_package;
  // Debian's package that depends on the newest kernel, and what the kernels' own are called.
  const char* kernel_package;
  const char* kernel_packages;
  // The serial console, as the kernel names it.
  const char* console;
  // Further words for the kernel. `kvm`: not emulated. `tsc_khz`: the clock rate of the host's processor, 0 = not
  // known.
  std::string (*kernel_words)(bool kvm, int64_t tsc_khz);
  // The processor as QEMU names it, when it is emulated; with KVM it is "max".
  const char* emulated_processor;
  // Whether KVM runs programs: kvm_trial.h.
  KvmOutcome (*try_kvm)(int kvm);
  // QEMU's arguments for the board. Its virtio devices are those with "-device" at the end of their names.
  std::vector<std::string> board;
  // Unpacks the file that QEMU starts from a package's image of the kernel into `output`, which must not exist. Errors:
  // KERNEL_UNAVAILABLE, IO_ERROR, DISK_FULL.
  absl::Status (*unpack_kernel)(std::string_view image, const std::string& output);
};

// The host's: a VM has its processor. Thread-safe.
const Machine& HostMachine();

}  // namespace wslm

#endif  // WSLM_RUNTIME_V2_HOST_MACHINE_H_
