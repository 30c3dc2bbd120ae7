#include "runtime-v2/agent/log.h"

#include <fcntl.h>

#include <string>

#include "distros/host/error.h"
#include "distros/host/unique_fd.h"

namespace wslm {

void Log(std::string_view line) {
  const UniqueFd log(::open("/dev/kmsg", O_WRONLY | O_CLOEXEC | O_NOCTTY));
  if (!log) return;
  // <3>: an error, which "quiet" lets through to the console.
  const std::string record = "<3>wslm-agent: " + Escaped(line.substr(0, 800)) + "\n";
  if (::write(log.get(), record.data(), record.size()) < 0) return;
}

bool LogIfError(std::string_view context, const absl::Status& status) {
  if (!status.ok()) Log(std::string(context) + ": " + std::string(status.message()));
  return status.ok();
}

}  // namespace wslm
