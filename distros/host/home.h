// Where wslm keeps its things on the host.
//
// $WSLM_HOME/{data,config,state,cache,run} when WSLM_HOME is set, else the XDG base directories of the user (folder
// "wslm" in each). The run folder is $XDG_RUNTIME_DIR/wslm, else /run/user/UID/wslm, else /tmp/wslm-UID.
#ifndef WSLM_DISTROS_HOST_HOME_H_
#define WSLM_DISTROS_HOST_HOME_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace wslm {

// Absolute paths without a trailing slash.
struct Home {
  std::string data;    // distros/, trash/, index.db
  std::string config;  // the user's configuration
  std::string state;   // logs
  std::string cache;   // kernel, downloads
  std::string run;     // sockets, 0700

  // Reads the environment; makes nothing. Error: INVALID_ARGUMENT when neither WSLM_HOME, HOME nor the password
  // database tells a place, or WSLM_HOME is relative.
  static absl::StatusOr<Home> FromEnvironment();

  // Makes all five, mode 0700. The run folder must be a real folder of this user with mode 0700, else
  // PERMISSION_DENIED.
  absl::Status Create() const;

  // The daemon's socket: run + "/wslmd.sock", or, where that is over 107 bytes, a path in a folder of the user's under
  // /tmp made of the run folder's hash. The same rule serves every socket: SocketPath("v1/ID/control.sock").
  std::string SocketPath(const std::string& relative) const;
  std::string DaemonSocket() const { return SocketPath("wslmd.sock"); }
};

// Path of one of wslm's own programs ("wslmd", "wslm-lxcore", "wslm-init", "wslm-agent"): in $WSLM_LIBEXEC, else beside
// the running executable, else in ../libexec/wslm from it. Empty when it is nowhere.
std::string ProgramPath(const std::string& name);

}  // namespace wslm

#endif  // WSLM_DISTROS_HOST_HOME_H_
