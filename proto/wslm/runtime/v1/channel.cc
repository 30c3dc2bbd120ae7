#include "wslm/runtime/v1/channel.h"

#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include <condition_variable>
#include <csignal>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "distros/host/error.h"
#include "wslm/runtime/v1/channel_core.h"
#include "wslm/runtime/v1/handshake.h"

namespace wslm::runtime::v1 {
namespace {

class StreamHandle : public Stream {
 public:
  StreamHandle(std::shared_ptr<ChannelCore> core, std::shared_ptr<StreamState> state)
      : core_(std::move(core)), state_(std::move(state)) {}
  ~StreamHandle() override { core_->Close(*state_); }

  bool Send(const HostMessage& message) override { return core_->Send(*state_, message); }
  void Consumed(size_t payload_bytes) override { core_->Consumed(*state_, payload_bytes); }
  void Close() override { core_->Close(*state_); }

 private:
  const std::shared_ptr<ChannelCore> core_;
  const std::shared_ptr<StreamState> state_;
};

// Waits for the one answer of Channel::Call.
class CallObserver : public StreamObserver {
 public:
  void OnMessage(const GuestMessage& message, size_t) override {
    const std::lock_guard lock(mutex_);
    message_ = message;
  }
  void OnEnd(const absl::Status& status) override {
    const std::lock_guard lock(mutex_);
    end_ = status;
    ended_.notify_all();
  }
  absl::StatusOr<GuestMessage> Wait(absl::Duration timeout) {
    std::unique_lock lock(mutex_);
    const auto ended = [this] { return end_.has_value(); };
    if (timeout == absl::InfiniteDuration()) {
      ended_.wait(lock, ended);
    } else if (!ended_.wait_for(lock, absl::ToChronoNanoseconds(timeout), ended)) {
      return Error(absl::StatusCode::kDeadlineExceeded, reason::kInternal,
                   "The distro did not answer within " + absl::FormatDuration(timeout) + ".");
    }
    if (!end_->ok()) return *end_;
    return message_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable ended_;
  GuestMessage message_;
  std::optional<absl::Status> end_;
};

class ChannelImpl : public Channel {
 public:
  ChannelImpl(std::shared_ptr<ChannelCore> core, HelloAck peer) : core_(std::move(core)), peer_(std::move(peer)) {
    // Signals are for the program's own threads.
    sigset_t all;
    sigset_t before;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before);
    thread_ = std::thread([core = core_] { core->Run(); });
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    ::pthread_setname_np(thread_.native_handle(), "wslm-channel");
  }
  ~ChannelImpl() override {
    core_->Stop();
    if (core_->OnThread()) {
      // The last owner let go within OnClosed: the thread holds the core and ends by itself.
      thread_.detach();
    } else {
      thread_.join();
    }
  }

  const HelloAck& peer() const override { return peer_; }
  std::shared_ptr<Stream> Open(const OpenRequest& request, std::shared_ptr<StreamObserver> observer) override {
    return std::make_shared<StreamHandle>(core_, core_->Open(request, std::move(observer)));
  }
  absl::StatusOr<GuestMessage> Call(const OpenRequest& request, absl::Duration timeout) override {
    auto observer = std::make_shared<CallObserver>();
    const auto stream = Open(request, observer);
    return observer->Wait(timeout);
  }
  void OnClosed(std::function<void()> callback) override { core_->OnClosed(std::move(callback)); }
  bool closed() const override { return core_->closed(); }

 private:
  const std::shared_ptr<ChannelCore> core_;
  const HelloAck peer_;
  std::thread thread_;
};

}  // namespace

absl::StatusOr<std::shared_ptr<Channel>> Channel::Connect(UniqueFd socket, const Options& options) {
  FrameParser parser;
  absl::StatusOr<HelloAck> ack = SayHello(socket.get(), options, parser);
  if (!ack.ok()) return ack.status();
  UniqueFd epoll(::epoll_create1(EPOLL_CLOEXEC));
  UniqueFd wake(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!epoll || !wake) return ErrnoError("cannot watch the connection to the distro", "");
  for (const int fd : {socket.get(), wake.get()}) {
    epoll_event event = {.events = EPOLLIN};
    event.data.fd = fd;
    if (::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, fd, &event) < 0) {
      return ErrnoError("cannot watch the connection to the distro", "");
    }
  }
  return std::make_shared<ChannelImpl>(
      std::make_shared<ChannelCore>(std::move(socket), std::move(epoll), std::move(wake), std::move(parser)),
      *std::move(ack));
}

}  // namespace wslm::runtime::v1
