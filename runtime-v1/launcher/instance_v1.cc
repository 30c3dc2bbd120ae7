#include "runtime-v1/launcher/instance_v1.h"

#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <iterator>

#include "absl/time/time.h"
#include "distros/host/error.h"
#include "distros/host/status_macros.h"

namespace wslm {
namespace {

// For init to answer beyond its grace, and for lxcore to write what it holds.
constexpr absl::Duration kStopMargin = absl::Seconds(10);

absl::StatusOr<UniqueFd> ConnectTo(const std::string& path) {
  sockaddr_un address = {.sun_family = AF_UNIX};
  if (path.size() >= sizeof(address.sun_path)) return ErrnoError("cannot connect to", path, ENAMETOOLONG);
  std::memcpy(address.sun_path, path.data(), path.size());
  UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket || ::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) {
    return ErrnoError("cannot connect to", path);
  }
  return socket;
}

}  // namespace

absl::StatusOr<std::shared_ptr<InstanceV1>> InstanceV1::Connect(std::string distro_id, const std::string& socket,
                                                                pid_t lxcore, const std::string& limits) {
  UniqueFd process(static_cast<int>(::syscall(SYS_pidfd_open, lxcore, 0)));
  if (!process) return ErrnoError("cannot watch", "wslm-lxcore");
  UniqueFd wake(::eventfd(0, EFD_CLOEXEC));
  if (!wake) return ErrnoError("cannot make", "an eventfd");
  ASSIGN_OR_RETURN(UniqueFd connection, ConnectTo(socket));
  ASSIGN_OR_RETURN(std::shared_ptr<runtime::v1::Channel> channel,
                   runtime::v1::Channel::Connect(std::move(connection), {}));
  std::shared_ptr<InstanceV1> instance(
      new InstanceV1(std::move(distro_id), lxcore, std::move(process), std::move(wake), std::move(channel), limits));
  return instance;
}

InstanceV1::InstanceV1(std::string distro_id, pid_t pid, UniqueFd process, UniqueFd wake,
                       std::shared_ptr<runtime::v1::Channel> channel, const std::string& limits)
    : distro_id_(std::move(distro_id)),
      pid_(pid),
      process_(std::move(process)),
      wake_(std::move(wake)),
      channel_(std::move(channel)),
      limits_(limits),
      watcher_(&InstanceV1::Watch, this) {}

InstanceV1::~InstanceV1() {
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(wake_.get(), &one, sizeof(one));
  // The last reference may go in OnExit's callback, on the watcher's own thread.
  if (watcher_.get_id() == std::this_thread::get_id()) {
    watcher_.detach();
  } else {
    watcher_.join();
  }
}

void InstanceV1::Watch() {
  pollfd events[] = {{process_.get(), POLLIN, 0}, {wake_.get(), POLLIN, 0}, {limits_.watch_fd(), POLLIN, 0}};
  while (events[0].revents == 0) {
    if (::poll(events, std::size(events), -1) < 0 && errno != EINTR) return;
    if (events[1].revents != 0) return;
    if (events[2].revents != 0) limits_.Tell();
  }
  // It is the child of whichever daemon started it.
  ::waitpid(pid_, nullptr, WNOHANG);
  std::function<void()> callback;
  {
    std::lock_guard lock(mutex_);
    ended_ = true;
    callback.swap(on_exit_);
    // While it is held: Stop may let this object go as soon as it sees the end.
    ended_changed_.notify_all();
  }
  if (callback) callback();
}

void InstanceV1::OnExit(std::function<void()> callback) {
  {
    std::lock_guard lock(mutex_);
    if (!ended_) {
      on_exit_ = std::move(callback);
      return;
    }
  }
  callback();
}

bool InstanceV1::WaitForEnd(absl::Duration timeout) {
  std::unique_lock lock(mutex_);
  return ended_changed_.wait_for(lock, absl::ToChronoMilliseconds(timeout), [this] { return ended_; });
}

absl::Status InstanceV1::Stop(absl::Duration grace) {
  if (WaitForEnd(absl::ZeroDuration())) return absl::OkStatus();
  runtime::v1::OpenRequest request;
  request.set_distro_id(distro_id_);
  request.mutable_stop()->set_grace_ms(absl::ToInt64Milliseconds(grace));
  // A failed call ends below all the same: by signal.
  const bool answered = channel_->Call(request, grace + kStopMargin).ok();
  if (answered && WaitForEnd(kStopMargin)) return absl::OkStatus();
  // lxcore kills init, and with it all, and writes what it holds.
  ::syscall(SYS_pidfd_send_signal, process_.get(), SIGTERM, nullptr, 0);
  if (WaitForEnd(kStopMargin)) return absl::OkStatus();
  ::syscall(SYS_pidfd_send_signal, process_.get(), SIGKILL, nullptr, 0);
  if (WaitForEnd(kStopMargin)) return absl::OkStatus();
  return Error(absl::StatusCode::kInternal, reason::kInternal,
               "wslm-lxcore (process " + std::to_string(pid_) + ") does not end.");
}

}  // namespace wslm
