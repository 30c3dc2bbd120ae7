// The daemon's listening socket and the lock that lets only one daemon have it.
//
//   auto activated = TakeActivatedSockets();
//   ASSIGN_OR_RETURN(auto lock, LockDaemon(home.run + "/wslmd.lock", home.DaemonSocket(), kMaxWait));
//   if (!lock) return 0;  // another one runs
//   ASSIGN_OR_RETURN(Listener listener, Listen(home.DaemonSocket(), std::move(activated)));
#ifndef WSLM_DAEMON_SERVER_LISTENER_H_
#define WSLM_DAEMON_SERVER_LISTENER_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "distros/host/unique_fd.h"

namespace wslm::daemon {

struct Listener {
  UniqueFd fd;
  // Where clients find it.
  std::string path;
  // The socket is systemd's and stays when the daemon goes.
  bool activated = false;
};

// Takes the lock. When another daemon holds it: nullopt as soon as clients reach it at `socket` (empty: nobody is
// asked), else waits for it to end, or to begin. The lock is held as long as the descriptor is open. Errors:
// UNAVAILABLE after `timeout`, IO_ERROR.
absl::StatusOr<std::optional<UniqueFd>> LockDaemon(const std::string& path, const std::string& socket,
                                                   absl::Duration timeout);

// The descriptors that systemd (or systemd-socket-activate) handed over by LISTEN_PID and LISTEN_FDS, sd_listen_fds(3).
// Removes the variables from the environment: call it once, before threads are made.
std::vector<UniqueFd> TakeActivatedSockets();

// Uses the one activated socket when there is one; else binds `path` with mode 0600, replacing what a daemon that died
// left there (the caller holds the lock). Errors: INVALID_ARGUMENT when it was activated with anything but one
// listening Unix stream socket that has a path, IO_ERROR.
absl::StatusOr<Listener> Listen(const std::string& path, std::vector<UniqueFd> activated);

// Removes the socket's file unless it is systemd's or another daemon's by now.
void RemoveSocketFile(const Listener& listener);

}  // namespace wslm::daemon

#endif  // WSLM_DAEMON_SERVER_LISTENER_H_
