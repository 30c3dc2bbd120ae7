// The agent's one thread: descriptors, timers and dead children.
//
//   EventLoop loop;
//   RETURN_IF_ERROR(loop.Init());
//   loop.Watch(fd, EPOLLIN, [&](uint32_t events) { ... });
//   loop.Run();
//
// As PID 1 the agent inherits every orphan of the VM: all children are reaped here.
#ifndef WSLM_RUNTIME_V2_AGENT_EVENT_LOOP_H_
#define WSLM_RUNTIME_V2_AGENT_EVENT_LOOP_H_

#include <sys/types.h>

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "distros/host/unique_fd.h"

namespace wslm {

class EventLoop {
 public:
  using Handler = std::function<void(uint32_t events)>;
  using Timer = std::pair<int64_t, uint64_t>;

  // Makes the descriptors and blocks SIGCHLD in this thread.
  absl::Status Init();

  // Calls `handler` with epoll's events. A second Watch of the same descriptor replaces the first.
  absl::Status Watch(int fd, uint32_t events, Handler handler);
  void Unwatch(int fd);

  // Calls once, later. Cancel of one that fired is harmless.
  Timer After(absl::Duration delay, std::function<void()> call);
  void Cancel(Timer timer);

  // Calls with waitpid's status when the child `pid` is gone, also when it is gone already.
  void OnChildExit(pid_t pid, std::function<void(int status)> call);

  // Never returns.
  [[noreturn]] void Run();

 private:
  void Reap();
  void FireTimers();
  int NextTimeout() const;

  UniqueFd epoll_;
  UniqueFd signals_;
  std::map<int, std::shared_ptr<Handler>> handlers_;
  std::map<Timer, std::function<void()>> timers_;
  uint64_t next_timer_ = 0;
  std::map<pid_t, std::function<void(int)>> children_;
  // Exits that nobody had asked for yet: the last few.
  std::deque<std::pair<pid_t, int>> unclaimed_;
};

}  // namespace wslm

#endif  // WSLM_RUNTIME_V2_AGENT_EVENT_LOOP_H_
