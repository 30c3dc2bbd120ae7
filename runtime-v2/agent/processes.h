// The processes of the VM, as /proc shows them to the agent. What goes meanwhile is left out.
#ifndef WSLM_RUNTIME_V2_AGENT_PROCESSES_H_
#define WSLM_RUNTIME_V2_AGENT_PROCESSES_H_

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace wslm {

// By number.
std::vector<pid_t> Processes();

struct OpenFileOf {
  // In /proc: leads to the file itself.
  std::string path;
  // What it is, as /proc says it.
  std::string target;
};
std::vector<OpenFileOf> OpenFilesOf(pid_t pid);

// Where a link of /proc leads; empty when it can't be read.
std::string LinkTarget(const std::string& path);

// When it was started, in clock ticks since boot: tells it from a later one of the same number. Nothing: it is gone.
std::optional<uint64_t> StartOfProcess(pid_t pid);

// The distro that it belongs to; empty: none.
std::string DistroOfProcess(pid_t pid);

// "'NAME' (process PID)", by the number that its distro knows it by.
std::string DescribeProcess(pid_t pid);

}  // namespace wslm

#endif  // WSLM_RUNTIME_V2_AGENT_PROCESSES_H_
