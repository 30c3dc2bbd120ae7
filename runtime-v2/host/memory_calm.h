// When a VM has given back the memory that it doesn't need.
#ifndef WSLM_RUNTIME_V2_HOST_MEMORY_CALM_H_
#define WSLM_RUNTIME_V2_HOST_MEMORY_CALM_H_

#include <functional>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "runtime-v2/host/vm.h"

namespace wslm {

// Waits until the memory that the VM takes has stayed about the same for some seconds, at most `longest`. Errors:
// CANCELLED when `give_up`, which may be null, says so; INTERNAL. Thread-safe.
absl::Status WaitUntilCalm(const Vm& vm, absl::Duration longest, const std::function<bool()>& give_up = nullptr);

}  // namespace wslm

#endif  // WSLM_RUNTIME_V2_HOST_MEMORY_CALM_H_
