// The kernel's modprobe helper, and the agent's own need of modules.
#ifndef WSLM_RUNTIME_V2_AGENT_MODPROBE_H_
#define WSLM_RUNTIME_V2_AGENT_MODPROBE_H_

#include <string>
#include <vector>

#include "absl/status/status.h"

namespace wslm {

// Loads what these names or aliases stand for, with all they need, from /lib/modules/RELEASE, whose index is read once.
// All are tried; the first error is the answer: NOT_FOUND when no module matches (it may be built in).
absl::Status LoadModules(const std::vector<std::string>& names_or_aliases);

// `modprobe [-q] [--] NAME`, as the kernel calls it. Answers the exit code.
int ModprobeMain(int argc, char** argv);

}  // namespace wslm

#endif  // WSLM_RUNTIME_V2_AGENT_MODPROBE_H_
