// What distros/host/files.h lacks for the agent: pipes read whole, files of sysfs written.
#ifndef WSLM_RUNTIME_V2_AGENT_FILE_H_
#define WSLM_RUNTIME_V2_AGENT_FILE_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace wslm {

// All up to the end; at most 1 MiB. `name` is for messages.
absl::StatusOr<std::string> ReadAll(int fd, const std::string& name);
// In one write, as sysfs wants it; makes the file, mode 0644, where it isn't.
absl::Status WriteInOne(const std::string& path, std::string_view content);

}  // namespace wslm

#endif  // WSLM_RUNTIME_V2_AGENT_FILE_H_
