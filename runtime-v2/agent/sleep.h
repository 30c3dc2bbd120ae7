// Makes the VM fit to be saved with distros in it, and undoes that: their processes are frozen, the host's files
// unmounted, and memory that can be had again from disks is given up. RemountHost (host_mounts.h) and ThawDistros, in
// that order, undo it: no isolated distro must find the host's device free.
#ifndef WSLM_RUNTIME_V2_AGENT_SLEEP_H_
#define WSLM_RUNTIME_V2_AGENT_SLEEP_H_

#include <map>
#include <string>

#include "absl/status/status.h"

namespace wslm {

// `distros`: names by id, of all that run. Blocks: call it in a child. After an error, and when the child dies, some of
// it is done. Error: FAILED_PRECONDITION with who is in the way; DEADLINE_EXCEEDED when a process can't be frozen.
absl::Status PutDistrosToSleep(const std::map<std::string, std::string>& distros);

// What goes wrong is logged.
void ThawDistros(const std::map<std::string, std::string>& distros);

}  // namespace wslm

#endif  // WSLM_RUNTIME_V2_AGENT_SLEEP_H_
