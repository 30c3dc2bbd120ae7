// Runs one of e2fsprogs' programs (mke2fs, e2fsck): a fixed argument list, no shell, no terminal.
#ifndef WSLM_DISTROS_EXT4_HOST_TOOL_H_
#define WSLM_DISTROS_EXT4_HOST_TOOL_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace wslm::ext4 {

struct ToolResult {
  int exit_code = 0;
  // Standard output and error as they came, at most their first 64 KiB.
  std::string output;
};

// Finds `name` in PATH, then in /usr/local/sbin, /usr/sbin and /sbin, which an ordinary user's PATH lacks on Debian.
// Blocks until it ends. Errors: HOST_UNSUPPORTED when it isn't installed, IO_ERROR when it can't be run or a signal
// ended it.
absl::StatusOr<ToolResult> RunTool(const std::string& name, const std::vector<std::string>& arguments);

}  // namespace wslm::ext4

#endif  // WSLM_DISTROS_EXT4_HOST_TOOL_H_
