#include "distros/host/failpoint.h"

#ifdef WSLM_FAILPOINTS

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <string>
#include <string_view>

#include "distros/host/error.h"
#include "distros/host/unique_fd.h"

namespace wslm {
namespace {

// What the environment asks for.
struct Plan {
  std::string name;
  int pass = 1;
  // 0: kill.
  int error = 0;
  bool hang = false;
};

Plan ParsePlan() {
  Plan plan;
  const char* text = std::getenv("WSLM_FAILPOINT");
  const std::string_view given = text == nullptr ? "" : text;
  const size_t equals = given.find('=');
  if (equals == std::string_view::npos) return plan;
  const std::string_view step = given.substr(0, equals);
  const std::string_view action = given.substr(equals + 1);
  const size_t colon = step.find(':');
  plan.name = step.substr(0, colon);
  if (colon != std::string_view::npos) plan.pass = std::atoi(std::string(step.substr(colon + 1)).c_str());
  plan.error = action == "ENOSPC" ? ENOSPC : action == "EIO" ? EIO : action == "EROFS" ? EROFS : 0;
  plan.hang = action == "hang";
  return plan;
}

void Log(std::string line) {
  const char* path = std::getenv("WSLM_FAILPOINT_LOG");
  if (path == nullptr) return;
  const UniqueFd file(::open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  line += '\n';
  [[maybe_unused]] const ssize_t written = ::write(file.get(), line.data(), line.size());
}

}  // namespace

absl::Status Failpoint(const char* name) {
  static const Plan plan = ParsePlan();
  static std::atomic<int> passes = 0;
  Log(name);
  if (plan.name != name || ++passes != plan.pass) return absl::OkStatus();
  while (plan.hang) ::pause();
  if (plan.error == 0) ::kill(::getpid(), SIGKILL);
  return ErrnoError("failpoint", name, plan.error);
}

}  // namespace wslm

#endif
