// The end of a distro: everything is asked to end, then made to, then the files are synced.
#ifndef WSLM_RUNTIME_V1_INIT_SHUTDOWN_H_
#define WSLM_RUNTIME_V1_INIT_SHUTDOWN_H_

#include <chrono>
#include <functional>
#include <memory>
#include <vector>

#include "distros/host/event_loop.h"
#include "runtime-v1/init/host_stream.h"
#include "runtime-v1/init/session_table.h"

namespace wslm::init {

// Not thread-safe; lives on the loop's thread.
class Shutdown {
 public:
  // `done` is called once, at the end of it all.
  Shutdown(EventLoop& loop, SessionTable& sessions, std::function<void()> done)
      : loop_(loop), sessions_(sessions), done_(std::move(done)) {}

  // SIGTERM to all now, SIGKILL to what is left after `grace`. `requester` (may be null) gets the end status. Begun
  // already: the earlier end counts.
  void Begin(std::chrono::milliseconds grace, std::shared_ptr<HostStream> requester);
  bool begun() const { return begun_; }
  // No process but this one is left.
  void OnAlone();

 private:
  void Kill();
  // Waits a little for clients that still read what their commands said, then ends.
  void Finish(int turn);

  EventLoop& loop_;
  SessionTable& sessions_;
  const std::function<void()> done_;
  bool begun_ = false;
  bool alone_ = false;
  EventLoop::Clock::time_point kill_time_;
  EventLoop::Timer kill_timer_ = 0;
  std::vector<std::shared_ptr<HostStream>> requesters_;
};

}  // namespace wslm::init

#endif  // WSLM_RUNTIME_V1_INIT_SHUTDOWN_H_
