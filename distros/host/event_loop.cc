#include "distros/host/event_loop.h"

#include <sys/epoll.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdlib>

namespace wslm {
namespace {

constexpr int kBatch = 32;
constexpr std::chrono::hours kLongestDelay{24 * 365};

uint64_t Token(int fd, uint32_t generation) { return uint64_t{generation} << 32 | static_cast<uint32_t>(fd); }

}  // namespace

EventLoop::EventLoop() : epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
  if (!epoll_) std::abort();
}

bool EventLoop::Watch(int fd, uint32_t events, Callback callback) {
  Forget(fd);
  Watched& watched = watched_[fd];
  watched = {.generation = next_generation_++, .callback = std::make_shared<Callback>(std::move(callback))};
  if (Apply(fd, watched, events)) return true;
  watched_.erase(fd);
  return false;
}

void EventLoop::Change(int fd, uint32_t events) {
  const auto found = watched_.find(fd);
  if (found != watched_.end() && found->second.events != events) Apply(fd, found->second, events);
}

bool EventLoop::Apply(int fd, Watched& watched, uint32_t events) {
  // A hang-up is reported even when no event is asked for: such a descriptor must leave the set, or the loop spins.
  epoll_event event = {.events = events};
  event.data.u64 = Token(fd, watched.generation);
  const int operation = watched.events == 0 ? EPOLL_CTL_ADD : events == 0 ? EPOLL_CTL_DEL : EPOLL_CTL_MOD;
  const bool changes = events != 0 || watched.events != 0;
  watched.events = events;
  return !changes || ::epoll_ctl(epoll_.get(), operation, fd, &event) == 0;
}

void EventLoop::Forget(int fd) {
  const auto found = watched_.find(fd);
  if (found == watched_.end()) return;
  Apply(fd, found->second, 0);
  watched_.erase(found);
}

EventLoop::Timer EventLoop::After(std::chrono::milliseconds delay, std::function<void()> callback) {
  const Timer timer = next_timer_++;
  // Far enough to be never; what is farther may not be a time of the clock's any more.
  timers_[{Clock::now() + std::min<std::chrono::milliseconds>(delay, kLongestDelay), timer}] = std::move(callback);
  return timer;
}

void EventLoop::Cancel(Timer timer) {
  const auto found =
      std::find_if(timers_.begin(), timers_.end(), [&](const auto& entry) { return entry.first.second == timer; });
  if (found != timers_.end()) timers_.erase(found);
}

int EventLoop::WaitMilliseconds() const {
  if (timers_.empty()) return -1;
  const auto left = timers_.begin()->first.first - Clock::now();
  const auto milliseconds = std::chrono::ceil<std::chrono::milliseconds>(left).count();
  return static_cast<int>(std::clamp<int64_t>(milliseconds, 0, INT_MAX));
}

void EventLoop::RunTimers() {
  const Clock::time_point now = Clock::now();
  while (!timers_.empty() && timers_.begin()->first.first <= now) {
    const std::function<void()> callback = std::move(timers_.begin()->second);
    timers_.erase(timers_.begin());
    callback();
  }
}

void EventLoop::Run() {
  quit_ = false;
  while (!quit_) {
    if (after_batch_) after_batch_();
    if (quit_) break;
    epoll_event events[kBatch];
    const int count = ::epoll_wait(epoll_.get(), events, kBatch, WaitMilliseconds());
    if (count < 0 && errno != EINTR) std::abort();
    for (int i = 0; i < count; ++i) {
      const int fd = static_cast<int>(events[i].data.u64 & UINT32_MAX);
      const auto found = watched_.find(fd);
      if (found == watched_.end() || Token(fd, found->second.generation) != events[i].data.u64) continue;
      const std::shared_ptr<Callback> callback = found->second.callback;
      (*callback)(events[i].events);
    }
    RunTimers();
  }
}

}  // namespace wslm
