// The distro's processes, seen and ended by its first one.
#ifndef WSLM_RUNTIME_V1_INIT_PROCESSES_H_
#define WSLM_RUNTIME_V1_INIT_PROCESSES_H_

#include <sys/types.h>

#include <functional>

namespace wslm::init {

// Processes in /proc but this one and those that have ended already.
int CountOtherProcesses();

// Collects all children that ended. False: there is no child left, and so, for a first process, no other process.
bool ReapChildren(const std::function<void(pid_t pid, int wait_status)>& ended);

}  // namespace wslm::init

#endif  // WSLM_RUNTIME_V1_INIT_PROCESSES_H_
