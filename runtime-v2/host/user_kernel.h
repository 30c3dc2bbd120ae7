// A kernel that is no package of the host's: the user's (`kernel` in wslm.conf), or wslm's own.
#ifndef WSLM_RUNTIME_V2_HOST_USER_KERNEL_H_
#define WSLM_RUNTIME_V2_HOST_USER_KERNEL_H_

#include <string>

#include "absl/status/statusor.h"
#include "runtime-v2/host/kernel.h"

namespace wslm {

// The kernel at `path`: an ELF file, or one that is packed as this machine's kernels are (a bzImage), which is unpacked
// into `cache_folder` once. It gets the modules of a ready kernel of the same release, where there is one; else it has
// none, and must have built in what the VM needs (runtime-v2/kernel/config). Blocks. Error: KERNEL_UNAVAILABLE.
absl::StatusOr<Kernel> EnsureUserKernel(const std::string& path, const std::string& cache_folder);

}  // namespace wslm

#endif  // WSLM_RUNTIME_V2_HOST_USER_KERNEL_H_
