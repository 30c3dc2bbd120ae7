// The object graph of wslmd: everything a daemon is made of, in the order in which it is made.
//
//   ASSIGN_OR_RETURN(auto daemon, Daemon::Start(home, listener.path, runtimes, *log));
//   daemon->Serve(std::move(connection));
//   daemon->Stop();
#ifndef WSLM_DAEMON_DAEMON_H_
#define WSLM_DAEMON_DAEMON_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "daemon/log.h"
#include "distros/config/user_config.h"
#include "distros/host/home.h"
#include "distros/host/unique_fd.h"
#include "wslm/runtime/v1/disk_host.h"
#include "wslm/runtime/v1/instance.h"
#include "wslm/v1/system.pb.h"

namespace wslm::daemon {

// The runtimes and what they say of the host. They outlive the daemon.
struct Runtimes {
  runtime::v1::Runtime& v1;
  runtime::v1::Runtime& v2;
  runtime::v1::DiskHost& disks;
  // Adds the host's capabilities and the VM's state.
  std::function<void(const std::function<std::string(const std::string& id)>& name_of, v1::GetInfoResponse&)> describe;
  // Where the files of a version 1 distro that runs are served, by its id.
  std::function<std::string(const std::string&)> files_socket;
};

struct DaemonOptions {
  std::string socket_path;
  std::string log_path;
  // The user's own configuration.
  UserConfig config;
  // Called when a client asks the daemon to end.
  std::function<void()> request_stop;
};

class Daemon {
 public:
  // Opens the registry, adopts what runs, and makes good what an earlier daemon died in. Errors: those of
  // Registry::Open, IO_ERROR.
  static absl::StatusOr<std::unique_ptr<Daemon>> Start(const Home& home, const DaemonOptions& options,
                                                       Runtimes runtimes, Log& log);
  virtual ~Daemon() = default;

  // Takes a client's connection. Thread-safe.
  virtual void Serve(UniqueFd connection) = 0;
  // Cancels operations and ends calls; distros and sessions go on. False: an operation could not be ended in time, and
  // the process must end without more ado (the journal tells the next daemon).
  virtual bool Stop() = 0;
};

}  // namespace wslm::daemon

#endif  // WSLM_DAEMON_DAEMON_H_
