#include "runtime-v1/init/processes.h"

#include <dirent.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <optional>
#include <string>

#include "distros/config/words.h"
#include "runtime-v1/init/text.h"

namespace wslm::init {
namespace {

// The state letter of /proc/PID/stat: the field after the name, which may itself hold anything.
bool HasEnded(const std::string& stat) {
  const size_t name_end = stat.rfind(')');
  if (name_end == std::string::npos || name_end + 2 >= stat.size()) return true;
  const char state = stat[name_end + 2];
  return state == 'Z' || state == 'X';
}

}  // namespace

int CountOtherProcesses() {
  const std::unique_ptr<DIR, int (*)(DIR*)> proc(::opendir("/proc"), ::closedir);
  if (!proc) return 0;
  int count = 0;
  while (const dirent* entry = ::readdir(proc.get())) {
    const std::optional<uint32_t> pid = ParseId(entry->d_name);
    if (!pid || static_cast<pid_t>(*pid) == ::getpid()) continue;
    if (!HasEnded(ReadTextFile(std::string("/proc/") + entry->d_name + "/stat"))) ++count;
  }
  return count;
}

bool ReapChildren(const std::function<void(pid_t, int)>& ended) {
  while (true) {
    int status = 0;
    const pid_t pid = ::waitpid(-1, &status, WNOHANG | __WALL);
    if (pid == 0) return true;
    if (pid < 0 && errno == EINTR) continue;
    if (pid < 0) return false;
    ended(pid, status);
  }
}

}  // namespace wslm::init
