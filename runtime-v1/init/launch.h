// Starts a session's process: its own session, streams, user, folder and environment.
#ifndef WSLM_RUNTIME_V1_INIT_LAUNCH_H_
#define WSLM_RUNTIME_V1_INIT_LAUNCH_H_

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "distros/config/accounts.h"
#include "distros/host/unique_fd.h"
#include "runtime-v1/init/command.h"
#include "runtime-v1/init/environment.h"
#include "runtime-v1/init/failure.h"

namespace wslm::init {

// What is to run; made by PlanSession.
struct LaunchPlan {
  Command command;
  User user;
  std::vector<gid_t> groups;
  gid_t terminal_gid = 0;
  Environment environment;
  // The folder that must be there; empty: host_folder when not empty, else the home.
  std::string folder;
  // A folder of the host's, as it is seen inside, and as the client called it.
  std::string host_folder;
  std::string host_folder_shown;
  bool stdin_terminal = false;
  bool stdout_terminal = false;
  bool stderr_terminal = false;
  proto::WindowSize window;

  bool terminal() const { return stdin_terminal || stdout_terminal || stderr_terminal; }
};

// A process on its way to exec. Descriptors are ours, close-on-exec and non-blocking.
struct Launched {
  pid_t pid = -1;
  // The master, when a stream is a terminal.
  UniqueFd terminal;
  // Those that are no terminal.
  UniqueFd stdin;
  UniqueFd stdout;
  UniqueFd stderr;
  // Whole LaunchReports until exec or death: then end of file.
  UniqueFd report;
};

struct LaunchReport {
  enum Kind : int {
    // The preferred folder can't be entered: the home is used.
    kHostFolder,
    // The home can't be entered: "/" is used.
    kHome,
    // Fatal: the demanded folder can't be entered.
    kFolder,
    // Fatal: the user's ids can't be taken.
    kUser,
    // Fatal: the terminal can't be taken.
    kTerminal,
  };
  Kind kind;
  int error;
};

// Failure: no process was made (no terminal, no descriptors, no processes left).
std::optional<proto::StreamEnd> Launch(const LaunchPlan& plan, Launched& launched);

// The same for what nobody listens to: no stdin, output to init's own stderr. Negative: no process was made.
pid_t LaunchInBackground(const LaunchPlan& plan);

}  // namespace wslm::init

#endif  // WSLM_RUNTIME_V1_INIT_LAUNCH_H_
