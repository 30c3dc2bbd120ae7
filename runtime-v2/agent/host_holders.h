// Who in the distros has something of the host's files.
#ifndef WSLM_RUNTIME_V2_AGENT_HOST_HOLDERS_H_
#define WSLM_RUNTIME_V2_AGENT_HOST_HOLDERS_H_

#include <map>
#include <string>

#include "absl/status/status.h"

namespace wslm {

// FAILED_PRECONDITION (DISTRO_RUNNING) with the process's name, its distro's (`names` by id) and what it holds: as its
// working folder or root, open, mapped, or as what it runs. What /proc doesn't show (a file in a message under way, a
// loop device's) is not found. Reads what every process has.
absl::Status CheckNobodyHoldsHost(const std::map<std::string, std::string>& names);

}  // namespace wslm

#endif  // WSLM_RUNTIME_V2_AGENT_HOST_HOLDERS_H_
