#include "runtime-v2/agent/distro.h"

#include <sys/socket.h>

#include <algorithm>
#include <csignal>
#include <utility>

#include "distros/host/error.h"
#include "runtime-v2/agent/child_task.h"
#include "runtime-v2/agent/log.h"

namespace wslm {

using runtime::v1::Frame;
using runtime::v1::FrameType;

namespace {

// The host counts its streams from 1 up.
constexpr uint32_t kStopStream = 0xFFFFFFFF;
constexpr std::chrono::milliseconds kInitTimeout{60'000};
// What init may take beyond the grace period to stop, and to end after it said that all is stopped.
constexpr std::chrono::milliseconds kStopMargin{5'000};
constexpr std::chrono::milliseconds kExitMargin{2'000};
// systemd's units each have their own time to stop; more than this in all is not waited for.
constexpr std::chrono::milliseconds kSystemdGrace{30'000};
constexpr size_t kClogged = size_t{8} << 20;

absl::Status InitDied() {
  return Error(absl::StatusCode::kUnavailable, reason::kStartFailed, "The distro's first process ended at once.");
}

}  // namespace

Distro::Distro(EventLoop& loop, Children& children, runtime::v1::DistroStart request, Handlers handlers)
    : loop_(loop), children_(children), request_(std::move(request)), handlers_(std::move(handlers)) {}

void Distro::Start(Done done) {
  started_ = std::move(done);
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
    const absl::Status status = ErrnoError("cannot make", "socket");
    loop_.After(std::chrono::milliseconds(0), [this, status] { OnContainer(status, ""); });
    return;
  }
  socket_.Reset(ends[0]);
  const UniqueFd channel(ends[1]);
  RunInChild(
      loop_,
      [this, &channel](std::string& result) -> absl::Status {
        const auto container = StartContainer(request_, channel.get());
        if (container.ok()) result = container->Serialize();
        return container.status();
      },
      [this](const absl::Status& status, const std::string& result) { OnContainer(status, result); });
}

void Distro::OnContainer(const absl::Status& status, const std::string& result) {
  if (!status.ok()) {
    FinishStart(status);
    return Gone(absl::OkStatus());
  }
  container_ = Container::Parse(result);
  children_.OnExit(container_.init, [this](int wait_status) { OnInitExit(wait_status); });
  if (!isolated()) handlers_.on_container(container_.init);
  if (!stopped_.empty()) {
    state_ = State::kStopping;
    return Kill();
  }
  link_ = std::make_unique<InitLink>(
      loop_, std::move(socket_),
      InitLink::Handlers{
          .on_ready =
              [this] {
                if (state_ != State::kStarting) return;
                state_ = State::kRunning;
                loop_.Cancel(deadline_);
                FinishStart(absl::OkStatus());
              },
          .on_frame = [this](const Frame& frame) { OnFrame(frame); },
          // Without its connection init is of no use; when it is dying already this changes nothing.
          .on_closed = [this] { Kill(); },
      });
  deadline_ = loop_.After(kInitTimeout, [this] { Kill(); });
  link_->SetPaused(paused_);
  if (!LogIfError("start", link_->Begin())) return Kill();
  link_->SayHello();
}

void Distro::Stop(std::chrono::milliseconds grace, Done done) {
  stopped_.push_back(std::move(done));
  if (state_ == State::kStopping || state_ == State::kCleaning) return;
  const bool was_running = state_ == State::kRunning;
  // Still being started: OnContainer goes on from here.
  if (link_ == nullptr) return;
  state_ = State::kStopping;
  loop_.Cancel(deadline_);
  if (!was_running) return Kill();
  runtime::v1::OpenRequest request;
  request.set_distro_id(request_.config().distro_id());
  request.mutable_stop()->set_grace_ms(grace.count());
  link_->Send(FrameType::kOpen, 0, kStopStream, request.SerializeAsString());
  if (container_.systemd) grace = std::max(grace, kSystemdGrace);
  deadline_ = loop_.After(grace + kStopMargin, [this] { Kill(); });
}

void Distro::OnFrame(const Frame& frame) {
  if (frame.stream != kStopStream) return handlers_.on_frame(frame);
  if (frame.type != FrameType::kStatus || state_ != State::kStopping) return;
  loop_.Cancel(deadline_);
  deadline_ = loop_.After(kExitMargin, [this] { Kill(); });
}

void Distro::Send(const Frame& frame) {
  if (link_ != nullptr) link_->Send(frame.type, frame.flags, frame.stream, frame.payload);
}

void Distro::SayHello() {
  if (link_ != nullptr && state_ == State::kRunning) link_->SayHello();
}

void Distro::SetPaused(bool paused) {
  paused_ = paused;
  if (link_ != nullptr) link_->SetPaused(paused);
}

bool Distro::clogged() const { return link_ != nullptr && link_->backlog() > kClogged; }

void Distro::Kill() {
  // The end of a pid namespace's first process is the end of all in it.
  if (container_.init > 0 && state_ != State::kCleaning) ::kill(container_.init, SIGKILL);
}

void Distro::OnInitExit(int wait_status) {
  if (state_ == State::kRunning) {
    Log("the first process of " + request_.config().distro_name() + " ended by itself, status " +
        std::to_string(wait_status));
  }
  loop_.Cancel(deadline_);
  state_ = State::kCleaning;
  link_.reset();
  FinishStart(InitDied());
  handlers_.on_init_gone();
  CleanUp();
}

void Distro::CleanUp() {
  RunInChild(
      loop_, [this](std::string&) { return CleanUpContainer(request_.config().distro_id(), container_); },
      [this](const absl::Status& status, const std::string&) {
        LogIfError("stop", status);
        Gone(status);
      });
}

void Distro::FinishStart(const absl::Status& status) {
  if (const Done started = std::exchange(started_, nullptr)) started(status);
}

void Distro::Gone(const absl::Status& status) {
  for (const Done& done : std::exchange(stopped_, {})) done(status);
  handlers_.on_gone();
}

}  // namespace wslm
