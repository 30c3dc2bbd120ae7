// Which kernel the VM has.
#ifndef WSLM_RUNTIME_V2_HOST_KERNEL_CHOICE_H_
#define WSLM_RUNTIME_V2_HOST_KERNEL_CHOICE_H_

#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "runtime-v2/host/kernel.h"

namespace wslm {

// The kernel that `wanted` names (a path; `kernel` in wslm.conf); where that is empty, the package that
// $WSLM_KERNEL_DEB names; else wslm's own, "vmlinux" beside its programs, when it was built and installed
// (runtime-v2/kernel); else Debian's. Blocks, `note` is told. Errors: KERNEL_UNAVAILABLE, DISK_FULL, IO_ERROR.
absl::StatusOr<Kernel> ChooseKernel(const std::string& wanted, const std::string& cache_folder,
                                    const std::function<void(const std::string&)>& note);

}  // namespace wslm

#endif  // WSLM_RUNTIME_V2_HOST_KERNEL_CHOICE_H_
