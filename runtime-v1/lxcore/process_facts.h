// What the host's /proc tells of a guest thread. Each costs an open and a read (about 10 µs): not for the hot path.
#ifndef WSLM_RUNTIME_V1_LXCORE_PROCESS_FACTS_H_
#define WSLM_RUNTIME_V1_LXCORE_PROCESS_FACTS_H_

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace wslm::lxcore {

// A whole small file below `proc`; empty when it can't be read.
std::string ReadProcFile(int proc, const std::string& name);
// The value of a "Name:\tvalue" line of a status file's text.
std::string_view StatusField(std::string_view status, std::string_view name);

// The processes in the pid namespace of `first_process`, and in those made inside.
std::vector<pid_t> ProcessesInside(int proc, pid_t first_process);

mode_t UmaskOf(int proc, pid_t tid);
// The process' id in the innermost pid namespace; 0 when it is gone.
pid_t InnerProcessId(int proc, pid_t tid);
pid_t InnerThreadId(int proc, pid_t tid);
// The same in the pid namespace of another procfs, which may be one around the innermost.
struct ThreadIds {
  pid_t process = 0;
  pid_t thread = 0;
};
ThreadIds IdsIn(int other_proc, int proc, pid_t tid);

}  // namespace wslm::lxcore

#endif  // WSLM_RUNTIME_V1_LXCORE_PROCESS_FACTS_H_
