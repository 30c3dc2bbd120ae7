// The kernel's modprobe helper, and the agent's own need of modules.
#ifndef WSLM_RUNTIME_V2_AGENT_MODPROBE_H_
#define WSLM_RUNTIME_V2_AGENT_MODPROBE_H_

#include <string>

#include "absl/status/status.h"

namespace wslm {

// Loads what `name_or_alias` stands for, with all it needs, from /lib/modules/RELEASE. NOT_FOUND when no module
// matches.
absl::Status LoadModule(const std::string& name_or_alias);

// `modprobe [-q] [--] NAME`, as the kernel calls it. Answers the exit code.
int ModprobeMain(int argc, char** argv);

}  // namespace wslm

#endif  // WSLM_RUNTIME_V2_AGENT_MODPROBE_H_
