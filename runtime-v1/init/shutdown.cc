#include "runtime-v1/init/shutdown.h"

#include <fcntl.h>
#include <unistd.h>

#include <csignal>

#include "distros/host/unique_fd.h"
#include "runtime-v1/init/processes.h"

namespace wslm::init {
namespace {

constexpr std::chrono::milliseconds kTurn{10};
constexpr int kMostTurns = 50;
// A killed process may be stuck in the kernel (a dead network folder); init's own end takes it with it.
constexpr std::chrono::milliseconds kAfterKill{10'000};

}  // namespace

void Shutdown::Begin(std::chrono::milliseconds grace, std::shared_ptr<HostStream> requester) {
  if (requester) requesters_.push_back(std::move(requester));
  const auto kill_time = EventLoop::Clock::now() + grace;
  if (begun_ && kill_time >= kill_time_) return;
  kill_time_ = kill_time;
  loop_.Cancel(kill_timer_);
  kill_timer_ = loop_.After(grace, [this] { Kill(); });
  if (begun_) return;
  begun_ = true;
  ::kill(-1, SIGTERM);
  sessions_.SignalTerminals(SIGHUP);
  // What was stopped must run to see the others.
  ::kill(-1, SIGCONT);
  if (!ReapChildren([this](pid_t pid, int status) { sessions_.OnExit(pid, status); })) OnAlone();
}

void Shutdown::Kill() {
  ::kill(-1, SIGKILL);
  kill_timer_ = loop_.After(kAfterKill, [this] { OnAlone(); });
}

void Shutdown::OnAlone() {
  if (!begun_ || alone_) return;
  alone_ = true;
  loop_.Cancel(kill_timer_);
  Finish(0);
}

void Shutdown::Finish(int turn) {
  if (!sessions_.AllTold() && turn < kMostTurns) {
    loop_.After(kTurn, [this, turn] { Finish(turn + 1); });
    return;
  }
  // Not sync(2): in v1 the kernel is the host's, and all its disks would be waited for.
  const UniqueFd root(::open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (root) ::syncfs(root.get());
  for (const auto& requester : requesters_) requester->End({});
  done_();
}

}  // namespace wslm::init
