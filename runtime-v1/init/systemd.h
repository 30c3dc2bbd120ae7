// systemd as the first process of a distro of version 2, where wsl.conf's [boot] systemd asks for it: wslm-init goes on
// as a child of it, with the connection and the sessions.
//
//   const std::string program = SystemdFor(config);
//   if (!program.empty() && !BecomeChildOfSystemd(program, argc, argv, notify)) …
//
// It says by sd_notify(3) when it is up (Container Interface, systemd.io), and is told to stop by SIGRTMIN+4.
#ifndef WSLM_RUNTIME_V1_INIT_SYSTEMD_H_
#define WSLM_RUNTIME_V1_INIT_SYSTEMD_H_

#include <sys/types.h>

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "distros/host/event_loop.h"
#include "distros/host/unique_fd.h"
#include "wslm/runtime/v1/runtime.pb.h"

namespace wslm::init {

// The distro's systemd, where it has one; empty where not.
std::string FindSystemd();

// The program to run as first process; empty: wslm-init itself is to be.
std::string SystemdFor(const ::wslm::runtime::v1::InstanceConfig& config);

// Makes this process, the first one, `program`, and returns in a child of it; `notify` is where that one is heard of.
// The child's name, written over its arguments, keeps systemd from ending it before all others (Root Storage Daemons,
// systemd.io). False, in the first process: that failed.
bool BecomeChildOfSystemd(const std::string& program, int argc, char** argv, UniqueFd& notify);

// Not thread-safe; lives on the loop's thread.
class Systemd {
 public:
  Systemd(EventLoop& loop, const ::wslm::runtime::v1::InstanceConfig& config, UniqueFd notify);

  // Calls when systemd is up and the user's own one (user@.service) too: at once, later, or after some time even when
  // they aren't.
  void WhenReadyFor(uid_t uid, std::function<void()> call);
  // A process of the distro ended.
  void OnExit(pid_t pid);
  // All units stop, then all processes: the connection breaks when it is done.
  void PowerOff();
  bool stopping() const { return stopping_; }

 private:
  struct UserManager {
    // 0: it was tried, whatever came of it.
    pid_t starter = 0;
    EventLoop::Timer timer = 0;
    std::vector<std::function<void()>> waiting;
  };

  void OnNotify();
  void OnReady();
  void StartUserManager(uid_t uid, UserManager& manager);
  void OnStarted(UserManager& manager);

  EventLoop& loop_;
  const ::wslm::runtime::v1::InstanceConfig& config_;
  const UniqueFd notify_;
  EventLoop::Timer timer_ = 0;
  EventLoop::Timer power_off_timer_ = 0;
  bool ready_ = false;
  bool stopping_ = false;
  std::map<uid_t, UserManager> users_;
};

}  // namespace wslm::init

#endif  // WSLM_RUNTIME_V1_INIT_SYSTEMD_H_
