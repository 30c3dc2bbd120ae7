// What is mounted in a mount namespace, as /proc/PID/mountinfo has it (proc_pid_mountinfo(5)).
#ifndef WSLM_RUNTIME_V2_AGENT_MOUNT_TABLE_H_
#define WSLM_RUNTIME_V2_AGENT_MOUNT_TABLE_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace wslm {

// The paths are escaped as the kernel does it, so that they hold no white space.
struct MountLine {
  uint64_t id = 0;
  // "0:43"
  std::string device;
  // Of the file system, what is seen there.
  std::string root;
  std::string point;
  // Of the mount alone, apart by commas.
  std::string options;
  // Of the file system.
  std::string type;
  std::string super_options;
};

// The lines in their order; what is none is left out. Takes any bytes.
std::vector<MountLine> ParseMountTable(std::string_view text);

// Whether a folder above `point`, escaped as theirs, is of a file system that a program serves (FUSE), so that the way
// there may ask it.
bool IsBelowProgram(const std::vector<MountLine>& mounts, std::string_view point);

// The path that an escaped one stands for.
std::string UnescapedPath(std::string_view escaped);

}  // namespace wslm

#endif  // WSLM_RUNTIME_V2_AGENT_MOUNT_TABLE_H_
