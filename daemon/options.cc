#include "daemon/options.h"

#include <getopt.h>

#include "distros/host/error.h"

namespace wslm::daemon {

const char kHelp[] =
    "Usage: wslmd [--foreground]\n"
    "\n"
    "Serves wslm's distros to this user on a Unix socket. 'wslm' starts it when it is needed; 'wslm daemon status' "
    "tells\n"
    "where its socket and its log are. Distros go on when it ends.\n"
    "\n"
    "  --foreground  write the log to stderr too\n"
    "  --version     print the version\n"
    "  --help        print this\n"
    "\n"
    "WSLM_HOME       keep everything below this folder instead of the user's XDG folders\n"
    "WSLM_LIBEXEC    the folder of wslm's own programs\n";

absl::StatusOr<Options> ParseOptions(int argc, char** argv) {
  Options options;
  const option names[] = {{"help", no_argument, nullptr, 'h'},
                          {"version", no_argument, nullptr, 'v'},
                          {"foreground", no_argument, nullptr, 'f'},
                          {nullptr, 0, nullptr, 0}};
  opterr = 0;
  for (int found; (found = ::getopt_long(argc, argv, "", names, nullptr)) != -1;) {
    switch (found) {
      case 'h':
        options.help = true;
        break;
      case 'v':
        options.version = true;
        break;
      case 'f':
        options.foreground = true;
        break;
      default:
        return Error(absl::StatusCode::kInvalidArgument, reason::kInvalidArgument,
                     "Unknown option. 'wslmd --help' shows those there are.");
    }
  }
  if (optind < argc) {
    return Error(absl::StatusCode::kInvalidArgument, reason::kInvalidArgument,
                 "wslmd takes no arguments. 'wslmd --help' shows its options.");
  }
  return options;
}

}  // namespace wslm::daemon
