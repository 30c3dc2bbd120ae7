// The ends of the agent's children. As PID 1 it inherits every orphan of the VM: all are reaped here.
//
//   Children children(loop);
//   RETURN_IF_ERROR(children.Init());
//   children.OnExit(pid, [](int status) { … });
#ifndef WSLM_RUNTIME_V2_AGENT_CHILDREN_H_
#define WSLM_RUNTIME_V2_AGENT_CHILDREN_H_

#include <sys/types.h>

#include <deque>
#include <functional>
#include <map>
#include <utility>

#include "absl/status/status.h"
#include "distros/host/event_loop.h"
#include "distros/host/unique_fd.h"

namespace wslm {

// Not thread-safe; lives on the loop's thread.
class Children {
 public:
  explicit Children(EventLoop& loop) : loop_(loop) {}

  // Before the first child: blocks SIGCHLD in this thread, and so in what it forks.
  absl::Status Init();

  // Calls with waitpid's status when the child `pid` is gone, also when it is gone already.
  void OnExit(pid_t pid, std::function<void(int status)> call);

 private:
  void Reap();

  EventLoop& loop_;
  UniqueFd signals_;
  std::map<pid_t, std::function<void(int)>> calls_;
  // Exits that nobody had asked for yet: the last few.
  std::deque<std::pair<pid_t, int>> unclaimed_;
};

}  // namespace wslm

#endif  // WSLM_RUNTIME_V2_AGENT_CHILDREN_H_
