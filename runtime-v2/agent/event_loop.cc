#include "runtime-v2/agent/event_loop.h"

#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <ctime>

#include "distros/host/error.h"

namespace wslm {
namespace {

constexpr size_t kUnclaimedKept = 64;

int64_t NowNs() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

}  // namespace

absl::Status EventLoop::Init() {
  sigset_t set;
  ::sigemptyset(&set);
  ::sigaddset(&set, SIGCHLD);
  if (::sigprocmask(SIG_BLOCK, &set, nullptr) != 0) return ErrnoError("cannot block", "SIGCHLD");
  ::signal(SIGPIPE, SIG_IGN);
  epoll_.Reset(::epoll_create1(EPOLL_CLOEXEC));
  if (!epoll_) return ErrnoError("cannot make", "epoll");
  signals_.Reset(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!signals_) return ErrnoError("cannot make", "signalfd");
  return Watch(signals_.get(), EPOLLIN, [this](uint32_t) { Reap(); });
}

absl::Status EventLoop::Watch(int fd, uint32_t events, Handler handler) {
  epoll_event event{};
  event.events = events;
  event.data.fd = fd;
  const int operation = handlers_.contains(fd) ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
  if (::epoll_ctl(epoll_.get(), operation, fd, &event) != 0) return ErrnoError("cannot watch", "descriptor");
  handlers_[fd] = std::make_shared<Handler>(std::move(handler));
  return absl::OkStatus();
}

void EventLoop::Unwatch(int fd) {
  if (handlers_.erase(fd) > 0) ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
}

EventLoop::Timer EventLoop::After(absl::Duration delay, std::function<void()> call) {
  const Timer timer{NowNs() + absl::ToInt64Nanoseconds(delay), next_timer_++};
  timers_[timer] = std::move(call);
  return timer;
}

void EventLoop::Cancel(Timer timer) { timers_.erase(timer); }

void EventLoop::OnChildExit(pid_t pid, std::function<void(int status)> call) {
  const auto gone =
      std::find_if(unclaimed_.begin(), unclaimed_.end(), [&](const auto& one) { return one.first == pid; });
  if (gone == unclaimed_.end()) {
    children_[pid] = std::move(call);
    return;
  }
  const int status = gone->second;
  unclaimed_.erase(gone);
  // Not at once: the caller is still setting up what the call will take down.
  After(absl::ZeroDuration(), [call = std::move(call), status] { call(status); });
}

void EventLoop::Reap() {
  signalfd_siginfo info;
  while (::read(signals_.get(), &info, sizeof info) > 0) {
  }
  int status = 0;
  for (pid_t pid = 0; (pid = ::waitpid(-1, &status, WNOHANG)) > 0;) {
    const auto child = children_.find(pid);
    if (child == children_.end()) {
      unclaimed_.emplace_back(pid, status);
      if (unclaimed_.size() > kUnclaimedKept) unclaimed_.pop_front();
      continue;
    }
    const auto call = std::move(child->second);
    children_.erase(child);
    call(status);
  }
}

void EventLoop::FireTimers() {
  const int64_t now = NowNs();
  while (!timers_.empty() && timers_.begin()->first.first <= now) {
    const auto call = std::move(timers_.begin()->second);
    timers_.erase(timers_.begin());
    call();
  }
}

int EventLoop::NextTimeout() const {
  if (timers_.empty()) return -1;
  return static_cast<int>(
      std::clamp<int64_t>((timers_.begin()->first.first - NowNs() + 999'999) / 1'000'000, 0, 60'000));
}

void EventLoop::Run() {
  while (true) {
    epoll_event events[16];
    const int count = ::epoll_wait(epoll_.get(), events, 16, NextTimeout());
    for (int i = 0; i < count; ++i) {
      const auto found = handlers_.find(events[i].data.fd);
      if (found == handlers_.end()) continue;
      // A copy: the handler may replace or remove itself.
      const std::shared_ptr<Handler> handler = found->second;
      (*handler)(events[i].events);
    }
    FireTimers();
  }
}

}  // namespace wslm
