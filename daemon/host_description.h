// What this host can do for distros, as GetInfo tells it.
#ifndef WSLM_DAEMON_HOST_DESCRIPTION_H_
#define WSLM_DAEMON_HOST_DESCRIPTION_H_

#include <functional>
#include <string>

#include "runtime-v2/host/runtime_v2.h"
#include "wslm/v1/system.pb.h"

namespace wslm::daemon {

// Adds capabilities and the VM's state. `name_of`: of a distro's id; empty when there is none any more. Takes some ms.
// Thread-safe.
void DescribeHost(const RuntimeV2& runtime_v2, const std::function<std::string(const std::string&)>& name_of,
                  v1::GetInfoResponse& info);

}  // namespace wslm::daemon

#endif  // WSLM_DAEMON_HOST_DESCRIPTION_H_
