// The parent of a distro's lxcore and of its first process: holds what must not go with lxcore (the filter's listener,
// SharedState) and starts lxcore again when that dies. It does nothing else, so that nothing can go wrong in it. When
// it ends, so does the distro: its first process gets SIGKILL, and lxcore follows.
//
// Lxcore is started again whatever ended it, until it ends ten times without having answered a call, or 200 times in
// ten seconds: then the distro is ended.
#ifndef WSLM_RUNTIME_V1_LXCORE_GUARDIAN_H_
#define WSLM_RUNTIME_V1_LXCORE_GUARDIAN_H_

#include <sys/types.h>

#include <deque>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "distros/host/unique_fd.h"
#include "runtime-v1/lxcore/container.h"
#include "runtime-v1/lxcore/serve.h"
#include "runtime-v1/lxcore/shared_state.h"

namespace wslm::lxcore {

class Guardian {
 public:
  // `log` gets one line at a time. Container and state are the distro's; both must outlive this.
  Guardian(ServePlan plan, const Container& container, const SharedState& state,
           std::function<void(const std::string&)> log);

  // Blocks the signals that Guard takes; before anything is started.
  static void BlockSignals(bool foreground);

  // Starts lxcore and waits until it serves. What it says went wrong.
  absl::Status StartLxcore();
  // Until the distro ended; answers how, as wait(2) tells of its first process. SIGTERM kills the distro. SIGHUP starts
  // the installed lxcore in place of the one that runs, if it is another and can take over; in the foreground it is
  // SIGTERM. An error: lxcore could not be kept alive, or could not write what it held.
  absl::StatusOr<int> Guard(bool foreground);

 private:
  // Waits for children that ended. True when the distro has, and lxcore is gone.
  absl::StatusOr<bool> Reap();
  absl::Status OnLxcoreEnd(int status);
  bool MayStartAgain();
  // False: SIGTERM came meanwhile.
  bool Pause(int milliseconds);
  void Upgrade();
  void KillDistro();
  // The lxcore to start.
  std::string Program() const;

  const ServePlan plan_;
  const Container& container_;
  const SharedState& state_;
  const std::function<void(const std::string&)> log_;

  // Of the lxcore that runs: it can be started again after its file was replaced. None: this process' own.
  UniqueFd program_;
  // That of the lxcore before an upgrade, until the new one has answered a call.
  UniqueFd older_program_;
  bool upgraded_ = false;
  // The one before is being ended for it.
  bool takes_over_ = false;

  pid_t lxcore_ = 0;
  bool distro_ended_ = false;
  int distro_status_ = 0;

  // For MayStartAgain: when it was started again (seconds), how often in a row to no use.
  std::deque<int64_t> starts_;
  int useless_starts_ = 0;
  uint64_t answered_ = 0;
};

}  // namespace wslm::lxcore

#endif  // WSLM_RUNTIME_V1_LXCORE_GUARDIAN_H_
