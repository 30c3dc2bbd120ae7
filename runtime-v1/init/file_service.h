// Serves the distro's files to the host's user: each client of a Unix socket gets a process of its own that speaks
// 9P2000.L (p9/server.h) as root. Such a process keeps the distro up, as any other does.
#ifndef WSLM_RUNTIME_V1_INIT_FILE_SERVICE_H_
#define WSLM_RUNTIME_V1_INIT_FILE_SERVICE_H_

#include <sys/types.h>

#include <set>

#include "distros/host/event_loop.h"
#include "distros/host/unique_fd.h"

namespace wslm::init {

// Not thread-safe; lives on the loop's thread.
class FileService {
 public:
  explicit FileService(EventLoop& loop) : loop_(loop) {}

  // Who may connect is the socket's matter.
  void Serve(UniqueFd listener);
  // A process of the distro ended, one of these or not.
  void OnExit(pid_t pid) { clients_.erase(pid); }

 private:
  void OnConnection();

  EventLoop& loop_;
  UniqueFd listener_;
  std::set<pid_t> clients_;
};

}  // namespace wslm::init

#endif  // WSLM_RUNTIME_V1_INIT_FILE_SERVICE_H_
