#include "runtime-v2/agent/children.h"

#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

#include <algorithm>
#include <csignal>

#include "distros/host/error.h"

namespace wslm {
namespace {

constexpr size_t kUnclaimedKept = 64;

}  // namespace

absl::Status Children::Init() {
  sigset_t set;
  ::sigemptyset(&set);
  ::sigaddset(&set, SIGCHLD);
  if (::sigprocmask(SIG_BLOCK, &set, nullptr) != 0) return ErrnoError("cannot block", "SIGCHLD");
  signals_.Reset(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!signals_) return ErrnoError("cannot make", "signalfd");
  if (!loop_.Watch(signals_.get(), EPOLLIN, [this](uint32_t) { Reap(); }))
    return ErrnoError("cannot watch", "signalfd");
  return absl::OkStatus();
}

void Children::OnExit(pid_t pid, std::function<void(int status)> call) {
  const auto gone =
      std::find_if(unclaimed_.begin(), unclaimed_.end(), [&](const auto& one) { return one.first == pid; });
  if (gone == unclaimed_.end()) {
    calls_[pid] = std::move(call);
    return;
  }
  const int status = gone->second;
  unclaimed_.erase(gone);
  // Not at once: the caller is still setting up what the call will take down.
  loop_.After(std::chrono::milliseconds(0), [call = std::move(call), status] { call(status); });
}

void Children::Reap() {
  signalfd_siginfo info;
  while (::read(signals_.get(), &info, sizeof info) > 0) {
  }
  int status = 0;
  for (pid_t pid = 0; (pid = ::waitpid(-1, &status, WNOHANG)) > 0;) {
    const auto found = calls_.find(pid);
    if (found == calls_.end()) {
      unclaimed_.emplace_back(pid, status);
      if (unclaimed_.size() > kUnclaimedKept) unclaimed_.pop_front();
      continue;
    }
    const auto call = std::move(found->second);
    calls_.erase(found);
    call(status);
  }
}

}  // namespace wslm
