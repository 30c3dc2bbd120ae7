#include "runtime-v2/host/machine.h"

#include "runtime-v2/host/bzimage.h"

namespace wslm {

#if defined(__x86_64__)

namespace {

std::string KernelWords(bool kvm, int64_t tsc_khz) {
  if (kvm) return "reboot=t";
  // Without a given frequency the kernel calibrates against a timer, which under TCG on a busy host may never end; the
  // emulated processor has none of the faults that the mitigations are for.
  std::string words = "reboot=t tsc=reliable no_timer_check mitigations=off";
  if (tsc_khz > 0) words += " tsc_early_khz=" + std::to_string(tsc_khz);
  return words;
}

}  // namespace

const Machine& HostMachine() {
  static const Machine& machine = *new Machine{
      .qemu = "qemu-system-x86_64",
      .qemu_package = "qemu-system-x86",
      .kernel_package = "linux-image-amd64",
      .kernel_packages = "linux-image-*-amd64",
      .console = "ttyS0",
      .kernel_words = KernelWords,
      // Whoever sees that long moves are fast makes one of a string instruction, which is emulated byte by byte: the
      // kernel's clearing and copying of pages, the C library's of memory.
      .emulated_processor = "max,-erms,-fsrm",
      .try_kvm = TryKvmOnX86,
      .board = {"-M", "microvm,isa-serial=on,rtc=on", "-global", "virtio-mmio.force-legacy=false"},
      .unpack_kernel = ExtractVmlinux,
  };
  return machine;
}

#else
#error "Version 2 knows no machine for this processor: describe it here."
#endif

}  // namespace wslm
