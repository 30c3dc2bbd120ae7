// Small files of the agent's own root: sysfs, procfs, what it writes for distros.
#ifndef WSLM_RUNTIME_V2_AGENT_FILE_H_
#define WSLM_RUNTIME_V2_AGENT_FILE_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace wslm {

// The whole file; at most 16 MiB.
absl::StatusOr<std::string> ReadSmallFile(const std::string& path);
absl::StatusOr<std::string> ReadSmallFile(int fd, const std::string& name);
// In one write; makes the file, mode 0644, where it isn't.
absl::Status WriteSmallFile(const std::string& path, std::string_view content);

}  // namespace wslm

#endif  // WSLM_RUNTIME_V2_AGENT_FILE_H_
