// The VM's swap: a file of the host's that has no name, so that nothing is left of it when the VM ends.
#ifndef WSLM_RUNTIME_V2_HOST_SWAP_FILE_H_
#define WSLM_RUNTIME_V2_HOST_SWAP_FILE_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "distros/host/unique_fd.h"

namespace wslm {

// A swap area of about `bytes`, ready for swapon(2), on the file system of `folder`; it takes the host's room only as
// it is filled. Thread-safe. Errors: DISK_FULL, IO_ERROR.
absl::StatusOr<UniqueFd> MakeSwapFile(const std::string& folder, int64_t bytes);

}  // namespace wslm

#endif  // WSLM_RUNTIME_V2_HOST_SWAP_FILE_H_
