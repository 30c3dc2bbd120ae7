// All sessions of the distro.
#ifndef WSLM_RUNTIME_V1_INIT_SESSION_TABLE_H_
#define WSLM_RUNTIME_V1_INIT_SESSION_TABLE_H_

#include <memory>
#include <string>
#include <vector>

#include "runtime-v1/init/session.h"

namespace wslm::init {

// Not thread-safe; lives on the loop's thread.
class SessionTable {
 public:
  SessionTable(EventLoop& loop, const SessionTimes& times, const proto::InstanceConfig& config)
      : loop_(loop), times_(times), config_(config) {}

  // Serve a stream's request; what cannot be served is ended with an error, and null is answered.
  std::shared_ptr<StreamHandler> Start(const proto::SessionStart& request, const std::shared_ptr<HostStream>& stream);
  std::shared_ptr<StreamHandler> Attach(const proto::SessionAttach& request, const std::shared_ptr<HostStream>& stream);
  void Signal(const proto::SessionSignal& request, HostStream& stream);
  void Detach(const proto::SessionDetach& request, HostStream& stream);
  // Those whose command runs, the oldest first; as many as fit a frame.
  proto::SessionList List() const;

  // A process of the distro ended, a session's or not.
  void OnExit(pid_t pid, int wait_status);
  int CountRunning() const;
  // To the commands that have a terminal: shells there ignore SIGTERM.
  void SignalTerminals(int signal);
  // No attached client still waits for output or exit status.
  bool AllTold() const;

 private:
  std::shared_ptr<Session> Find(const std::string& id) const;
  void Forget(const Session& session);
  void ForgetOldEnds();

  EventLoop& loop_;
  const SessionTimes times_;
  const proto::InstanceConfig& config_;
  // The oldest first.
  std::vector<std::shared_ptr<Session>> sessions_;
};

}  // namespace wslm::init

#endif  // WSLM_RUNTIME_V1_INIT_SESSION_TABLE_H_
