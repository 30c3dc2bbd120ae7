// Lines of the agent in the kernel's log, and so on the VM's console.
#ifndef WSLM_RUNTIME_V2_AGENT_LOG_H_
#define WSLM_RUNTIME_V2_AGENT_LOG_H_

#include <string_view>

#include "absl/status/status.h"

namespace wslm {

// A line; control bytes are escaped. Thread-safe.
void Log(std::string_view line);
// A line when `status` is an error: "CONTEXT: MESSAGE". Answers whether it is OK.
bool LogIfError(std::string_view context, const absl::Status& status);

}  // namespace wslm

#endif  // WSLM_RUNTIME_V2_AGENT_LOG_H_
