// All sessions of the distro.
#ifndef WSLM_RUNTIME_V1_INIT_SESSION_TABLE_H_
#define WSLM_RUNTIME_V1_INIT_SESSION_TABLE_H_

#include <memory>
#include <string>
#include <vector>

#include "distros/config/wsl_conf.h"
#include "runtime-v1/init/session.h"

namespace wslm::init {

// Not thread-safe; lives on the loop's thread.
class SessionTable {
 public:
  SessionTable(EventLoop& loop, const SessionTimes& times, const proto::InstanceConfig& config)
      : loop_(loop), times_(times), config_(config) {}

  // Serve a stream's request (before the first session, wsl.conf's boot command is started: who only looks at the files
  // starts no program of the distro); what cannot be served is ended with an error, and null is answered.
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

  // To a session that starts: what no session before it was told since wsl.conf is as it is.
  void TellWarnings(const WslConf& conf, std::vector<std::string>& warnings);

  EventLoop& loop_;
  const SessionTimes times_;
  const proto::InstanceConfig& config_;
  std::vector<std::string> told_warnings_;
  bool booted_ = false;
  // The oldest first.
  std::vector<std::shared_ptr<Session>> sessions_;
};

}  // namespace wslm::init

#endif  // WSLM_RUNTIME_V1_INIT_SESSION_TABLE_H_
