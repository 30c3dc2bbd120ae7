// The daemon's log: lines that a person can read, one a message, with control bytes escaped.
//
//   auto log = OpenLog(home.state + "/wslmd.log", options.foreground);
//   (*log)->Info(absl::StrCat("listening on ", path));
//
// Thread-safe.
#ifndef WSLM_DAEMON_LOG_H_
#define WSLM_DAEMON_LOG_H_

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace wslm::daemon {

class Log {
 public:
  virtual ~Log() = default;
  virtual void Info(std::string_view message) = 0;
  virtual void Warning(std::string_view message) = 0;
  virtual void Error(std::string_view message) = 0;
};

// Appends to `path` (mode 0600), which is rotated at 4 MiB; three old files are kept. With `to_stderr` each line goes
// there too. Error: IO_ERROR.
absl::StatusOr<std::unique_ptr<Log>> OpenLog(const std::string& path, bool to_stderr);

// Drops everything; for tests.
std::unique_ptr<Log> NoLog();

}  // namespace wslm::daemon

#endif  // WSLM_DAEMON_LOG_H_
