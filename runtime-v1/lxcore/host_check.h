// Whether this host lets an ordinary user run v1 distros.
#ifndef WSLM_RUNTIME_V1_LXCORE_HOST_CHECK_H_
#define WSLM_RUNTIME_V1_LXCORE_HOST_CHECK_H_

#include "absl/status/status.h"

namespace wslm::lxcore {

// Tries it out: moves the calling process into namespaces and under a filter. For a process that does nothing else.
// Errors: HOST_UNSUPPORTED with what is missing and how to get it.
absl::Status CheckHost();

}  // namespace wslm::lxcore

#endif  // WSLM_RUNTIME_V1_LXCORE_HOST_CHECK_H_
