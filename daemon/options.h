// The command line of wslmd.
#ifndef WSLM_DAEMON_OPTIONS_H_
#define WSLM_DAEMON_OPTIONS_H_

#include <string>

#include "absl/status/statusor.h"

namespace wslm::daemon {

struct Options {
  bool help = false;
  bool version = false;
  // Write the log to stderr too.
  bool foreground = false;
};

// Error: INVALID_ARGUMENT.
absl::StatusOr<Options> ParseOptions(int argc, char** argv);

extern const char kHelp[];

}  // namespace wslm::daemon

#endif  // WSLM_DAEMON_OPTIONS_H_
