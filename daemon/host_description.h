// What this host can do for distros, as GetInfo tells it.
#ifndef WSLM_DAEMON_HOST_DESCRIPTION_H_
#define WSLM_DAEMON_HOST_DESCRIPTION_H_

#include "runtime-v2/host/runtime_v2.h"
#include "wslm/v1/system.pb.h"

namespace wslm::daemon {

// Adds capabilities and the VM's state. Takes some ms. Thread-safe.
void DescribeHost(const RuntimeV2& runtime_v2, v1::GetInfoResponse& info);

}  // namespace wslm::daemon

#endif  // WSLM_DAEMON_HOST_DESCRIPTION_H_
