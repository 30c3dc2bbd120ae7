#include "runtime-v1/init/init.h"

#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <utility>
#include <variant>

#include "runtime-v1/init/conf.h"
#include "runtime-v1/init/plan.h"
#include "runtime-v1/init/processes.h"
#include "runtime-v1/init/text.h"
#include "runtime-v1/init/waiting_session.h"

namespace wslm::init {
namespace {

// When nobody says how long: SIGTERM to init itself, or the agent's end.
constexpr std::chrono::milliseconds kOwnGrace{5'000};
constexpr std::chrono::milliseconds kLongestGrace{3'600'000};

void Answer(HostStream& stream, const proto::GuestMessage& message) {
  stream.SendFree(message);
  stream.End({});
}

}  // namespace

Init::Init(proto::InstanceConfig config, UniqueFd signals, UniqueFd systemd)
    : config_(std::move(config)),
      signals_(std::move(signals)),
      systemd_(systemd ? std::make_unique<Systemd>(loop_, config_, std::move(systemd)) : nullptr),
      sessions_(loop_, SessionTimes(), config_),
      files_(loop_),
      shutdown_(loop_, sessions_,
                [this] {
                  connection_.Drain();
                  loop_.Quit();
                }),
      connection_(loop_, config_.distro_id(),
                  {.open = [this](const proto::OpenRequest& request,
                                  const std::shared_ptr<HostStream>& stream) { return OnOpen(request, stream); },
                   .closed = [this] { OnConnectionClosed(); }}) {
  loop_.Watch(signals_.get(), EPOLLIN, [this](uint32_t) { OnSignal(); });
  loop_.set_after_batch([this] { connection_.Flush(); });
}

void Init::ServeListener(UniqueFd listener) {
  listener_ = std::move(listener);
  loop_.Watch(listener_.get(), EPOLLIN, [this](uint32_t) { OnConnection(); });
}

void Init::ServeChannel(UniqueFd channel) { connection_.Adopt(std::move(channel)); }

void Init::Run() {
  const WslConf conf = ReadConf(config_);
  for (const std::string& warning : conf.warnings) std::fprintf(stderr, "%s\n", Escaped(warning).c_str());
  loop_.Run();
}

void Init::OnConnection() {
  UniqueFd connection(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (connection) connection_.Adopt(std::move(connection));
}

void Init::OnConnectionClosed() {
  // A daemon comes back through the listener; the agent, which ends what it lost, does not.
  if (!listener_ && !systemd_) shutdown_.Begin(kOwnGrace, nullptr);
}

void Init::OnSignal() {
  signalfd_siginfo info;
  while (::read(signals_.get(), &info, sizeof(info)) == sizeof(info)) {
    // systemd's shutdown ends what is left by it.
    if (info.ssi_signo == SIGTERM && !systemd_) shutdown_.Begin(kOwnGrace, nullptr);
  }
  const bool others = ReapChildren([this](pid_t pid, int status) {
    sessions_.OnExit(pid, status);
    files_.OnExit(pid);
    if (systemd_) systemd_->OnExit(pid);
  });
  if (!others && !systemd_) shutdown_.OnAlone();
}

std::shared_ptr<StreamHandler> Init::StartSession(const proto::SessionStart& request,
                                                  const std::shared_ptr<HostStream>& stream) {
  if (!systemd_) return sessions_.Start(request, stream);
  // Who it will be; one that there isn't is told so by the start.
  const auto plan = PlanSession(config_, ReadConf(config_), request);
  const auto* planned = std::get_if<PlannedSession>(&plan);
  if (planned == nullptr) return sessions_.Start(request, stream);
  auto waiting = std::make_shared<WaitingSession>(stream);
  systemd_->WhenReadyFor(planned->launch.user.uid, [this, waiting, request] {
    waiting->Begin([&](const std::shared_ptr<HostStream>& stream) { return sessions_.Start(request, stream); });
  });
  return waiting;
}

void Init::Stop(std::chrono::milliseconds grace, const std::shared_ptr<HostStream>& stream) {
  if (!systemd_) return shutdown_.Begin(grace, stream);
  stopper_ = stream;
  systemd_->PowerOff();
}

std::shared_ptr<StreamHandler> Init::OnOpen(const proto::OpenRequest& request,
                                            const std::shared_ptr<HostStream>& stream) {
  proto::GuestMessage message;
  switch (request.request_case()) {
    case proto::OpenRequest::kSessionStart:
      if (!stopping()) return StartSession(request.session_start(), stream);
      stream->End(Failure(Code::kUnavailable, "RUNTIME_DIED", "The distro is being stopped."));
      break;
    case proto::OpenRequest::kSessionAttach:
      return sessions_.Attach(request.session_attach(), stream);
    case proto::OpenRequest::kSessionSignal:
      sessions_.Signal(request.session_signal(), *stream);
      break;
    case proto::OpenRequest::kSessionDetach:
      sessions_.Detach(request.session_detach(), *stream);
      break;
    case proto::OpenRequest::kSessionList:
      *message.mutable_session_list() = sessions_.List();
      Answer(*stream, message);
      break;
    case proto::OpenRequest::kStats:
      message.mutable_stats()->set_sessions(sessions_.CountRunning());
      // Services of systemd's run always, and keep nothing up.
      message.mutable_stats()->set_processes(systemd_ ? 0 : CountOtherProcesses());
      Answer(*stream, message);
      break;
    case proto::OpenRequest::kStop: {
      const std::chrono::milliseconds grace(std::max<int64_t>(request.stop().grace_ms(), 0));
      Stop(std::min(grace, kLongestGrace), stream);
      break;
    }
    default:
      stream->End(Failure(Code::kInvalidArgument, "INTERNAL", "A distro's init does not serve this request."));
  }
  return nullptr;
}

}  // namespace wslm::init
