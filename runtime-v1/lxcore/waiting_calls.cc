#include "runtime-v1/lxcore/waiting_calls.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <charconv>
#include <string>
#include <utility>

#include "runtime-v1/lxcore/process_facts.h"

namespace wslm::lxcore {
namespace {

// Between two looks at whether a waiting caller has got a signal, which nothing else tells.
constexpr int kLookMilliseconds = 40;
// Between two attempts to wake the receiver, which may just be about to wait.
constexpr int kWakeMilliseconds = 2;
// The kernel's way out of a call: back to it, or EINTR, as the signal's handler wants it.
constexpr int kRestart = 512;  // ERESTARTSYS
constexpr size_t kMostEnds = 1024;

uint64_t HexField(std::string_view status, std::string_view name) {
  const std::string_view field = StatusField(status, name);
  uint64_t value = 0;
  std::from_chars(field.data(), field.data() + field.size(), value, 16);
  return value;
}

void DoNothing(int) {}

}  // namespace

WaitingCalls::WaitingCalls(int proc, int listener, KeptLog* kept)
    : proc_(proc), listener_(listener), kept_(kept), changed_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

WaitingCalls::~WaitingCalls() {
  stop_ = true;
  ::eventfd_write(changed_.get(), 1);
  if (thread_.joinable()) thread_.join();
}

void WaitingCalls::SetReceiver() {
  receiver_ = ::pthread_self();
  // Without SA_RESTART: it ends the wait for a notification.
  struct sigaction action = {};
  action.sa_handler = DoNothing;
  ::sigaction(SIGURG, &action, nullptr);
  sigset_t urgent;
  ::sigemptyset(&urgent);
  ::sigaddset(&urgent, SIGURG);
  ::pthread_sigmask(SIG_UNBLOCK, &urgent, nullptr);
}

bool WaitingCalls::Add(const Call& call, UniqueFd socket, std::chrono::microseconds patience) {
  Clock::time_point end = Clock::time_point::max();
  if (patience.count() > 0) {
    if (ends_.size() >= kMostEnds) ends_.clear();
    end = ends_.try_emplace(call.notification().id, Clock::now() + patience).first->second;
    if (end <= Clock::now()) return false;
  }
  const seccomp_notif& notification = call.notification();
  // Without room for it, it doesn't wait.
  if (kept_ != nullptr && !kept_->Put(KeptKind::kWaitingCall, BytesOf(notification.id), BytesOf(notification))) {
    return false;
  }
  std::lock_guard lock(mutex_);
  waiting_.push_back({.notification = call.notification(), .socket = std::move(socket), .end = end});
  if (!thread_.joinable()) thread_ = std::thread([this] { Run(); });
  ::eventfd_write(changed_.get(), 1);
  return true;
}

std::vector<seccomp_notif> WaitingCalls::Take() {
  if (!any_due_.load(std::memory_order_relaxed)) return {};
  std::lock_guard lock(mutex_);
  any_due_ = false;
  return std::exchange(due_, {});
}

void WaitingCalls::Forget(uint64_t id) {
  if (kept_ != nullptr) kept_->Remove(KeptKind::kWaitingCall, BytesOf(id));
}

std::vector<seccomp_notif> WaitingCalls::TakeLeft() {
  std::vector<seccomp_notif> left;
  if (kept_ == nullptr) return left;
  kept_->ForEach(KeptKind::kWaitingCall, [&left](std::string_view, std::string_view bytes) {
    seccomp_notif notification;
    if (FromBytes(bytes, notification)) left.push_back(notification);
  });
  std::erase_if(left, [this](const seccomp_notif& notification) {
    uint64_t id = notification.id;
    const bool gone = ::ioctl(listener_, SECCOMP_IOCTL_NOTIF_ID_VALID, &id) != 0;
    if (gone) Forget(id);
    return gone;
  });
  return left;
}

void WaitingCalls::Run() {
  while (!stop_) {
    std::vector<pollfd> events = {{changed_.get(), POLLIN, 0}};
    {
      std::lock_guard lock(mutex_);
      LookAll();
      for (const Waiting& one : waiting_) events.push_back({one.socket.get(), POLLIN, 0});
    }
    const bool wakes = any_due_;
    if (wakes) ::pthread_kill(receiver_, SIGURG);
    const int timeout = wakes ? kWakeMilliseconds : events.size() > 1 ? kLookMilliseconds : -1;
    ::poll(events.data(), wakes ? 1 : events.size(), timeout);
    eventfd_t count;
    ::eventfd_read(changed_.get(), &count);
  }
}

void WaitingCalls::LookAll() {
  std::vector<Waiting> on;
  for (Waiting& one : waiting_) {
    uint64_t id = one.notification.id;
    if (::ioctl(listener_, SECCOMP_IOCTL_NOTIF_ID_VALID, &id) != 0) {
      Forget(id);
      continue;
    }
    pollfd ready = {one.socket.get(), POLLIN, 0};
    const bool is_due = ::poll(&ready, 1, 0) > 0 || one.end <= Clock::now();
    const bool has_signal = !is_due && HasSignal(static_cast<pid_t>(one.notification.pid));
    if (is_due) {
      due_.push_back(one.notification);
      any_due_ = true;
    } else if (has_signal && one.signalled) {
      seccomp_notif_resp response = {};
      response.id = one.notification.id;
      response.error = -kRestart;
      ::ioctl(listener_, SECCOMP_IOCTL_NOTIF_SEND, &response);
      Forget(id);
    } else {
      // Seen twice, it is this thread that it waits for: another would have taken it.
      one.signalled = has_signal;
      on.push_back(std::move(one));
    }
  }
  waiting_ = std::move(on);
}

bool WaitingCalls::HasSignal(pid_t tid) const {
  const std::string status = ReadProcFile(proc_, std::to_string(tid) + "/status");
  return ((HexField(status, "SigPnd") | HexField(status, "ShdPnd")) & ~HexField(status, "SigBlk")) != 0;
}

}  // namespace wslm::lxcore
