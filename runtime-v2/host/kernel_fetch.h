// Where the VM's kernel comes from: a package of the host's distribution.
#ifndef WSLM_RUNTIME_V2_HOST_KERNEL_FETCH_H_
#define WSLM_RUNTIME_V2_HOST_KERNEL_FETCH_H_

#include <string>

#include "absl/status/statusor.h"

namespace wslm {

// Fetches the kernel package of the host's distribution into `folder` (empty before) with apt-get, as the user: apt
// verifies it, nothing is installed. Answers the file's path. Blocks; needs the network. Error: KERNEL_UNAVAILABLE with
// what to do.
absl::StatusOr<std::string> FetchKernelPackage(const std::string& folder);

}  // namespace wslm

#endif  // WSLM_RUNTIME_V2_HOST_KERNEL_FETCH_H_
