// Makes the VM fit to be saved with distros in it, and undoes that: their processes are frozen, the host's files
// unmounted, and memory that can be had again from disks is given up. Both functions block: call them in a child.
#ifndef WSLM_RUNTIME_V2_AGENT_SLEEP_H_
#define WSLM_RUNTIME_V2_AGENT_SLEEP_H_

#include <map>
#include <string>

#include "absl/status/status.h"

namespace wslm {

// `distros`: names by id, of all that run. `mounts` gets what WakeDistros needs. After an error all runs as before.
// Error: FAILED_PRECONDITION with who is in the way; DEADLINE_EXCEEDED when a process can't be frozen.
absl::Status PutDistrosToSleep(const std::map<std::string, std::string>& distros, std::string& mounts);

// What goes wrong is logged.
void WakeDistros(const std::map<std::string, std::string>& distros, const std::string& mounts);

}  // namespace wslm

#endif  // WSLM_RUNTIME_V2_AGENT_SLEEP_H_
