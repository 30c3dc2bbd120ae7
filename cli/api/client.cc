#include "cli/api/client.h"

#include <charconv>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "cli/api/address.h"
#include "cli/api/daemon_process.h"
#include "distros/host/error.h"
#include "grpcpp/create_channel_posix.h"
#include "wslm/v1/system.grpc.pb.h"

namespace wslm::cli {
namespace {

// For a daemon that is to be replaced to end.
constexpr absl::Duration kReplaceTimeout = absl::Seconds(10);

std::shared_ptr<grpc::Channel> ChannelOver(UniqueFd socket) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(64 << 20);
  // The window would grow with the speed, over what a session can send again when the daemon dies.
  arguments.SetInt(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  return grpc::CreateCustomInsecureChannelFromFd("wslmd", socket.Release(), arguments);
}

}  // namespace

bool IsOlderVersion(const std::string& a, const std::string& b) {
  const auto numbers = [](const std::string& version) {
    std::vector<int> result;
    for (absl::string_view part : absl::StrSplit(version, '.')) {
      int number = 0;
      std::from_chars(part.data(), part.data() + part.size(), number);
      result.push_back(number);
    }
    return result;
  };
  return numbers(a) < numbers(b);
}

absl::StatusOr<std::shared_ptr<grpc::Channel>> Client::Channel() {
  absl::MutexLock lock(&mutex_);
  if (channel_ == nullptr) RETURN_IF_ERROR(ConnectLocked(/*start=*/true));
  return channel_;
}

absl::StatusOr<std::shared_ptr<grpc::Channel>> Client::ChannelToRunning() {
  absl::MutexLock lock(&mutex_);
  if (channel_ == nullptr) RETURN_IF_ERROR(ConnectLocked(/*start=*/false));
  return channel_;
}

void Client::Reset(const std::shared_ptr<grpc::Channel>& channel) {
  absl::MutexLock lock(&mutex_);
  if (channel_ == channel) channel_ = nullptr;
}

v1::GetInfoResponse Client::info() const {
  absl::MutexLock lock(&mutex_);
  return info_;
}

pid_t Client::daemon_pid() const {
  absl::MutexLock lock(&mutex_);
  return daemon_pid_;
}

absl::Status Client::ConnectLocked(bool start) {
  if (!socket_.empty()) {
    ASSIGN_OR_RETURN(UniqueFd socket, ConnectSocket(socket_));
    return HandshakeLocked(std::move(socket));
  }
  if (!start) {
    ASSIGN_OR_RETURN(UniqueFd socket, launcher_.ConnectOnly());
    return HandshakeLocked(std::move(socket));
  }
  ASSIGN_OR_RETURN(UniqueFd socket, launcher_.Connect());
  absl::Status status = HandshakeLocked(std::move(socket));
  if (absl::IsUnavailable(status)) {
    // It accepted and ended: a daemon that was just being stopped.
    ASSIGN_OR_RETURN(socket, launcher_.Connect());
    status = HandshakeLocked(std::move(socket));
  }
  RETURN_IF_ERROR(status);
  if (IsOlderVersion(info_.version(), WSLM_VERSION)) return ReplaceOldDaemonLocked();
  return absl::OkStatus();
}

absl::Status Client::HandshakeLocked(UniqueFd socket) {
  ASSIGN_OR_RETURN(const ucred peer, PeerOf(socket.get()));
  daemon_pid_ = peer.pid;
  std::shared_ptr<grpc::Channel> channel = ChannelOver(std::move(socket));
  v1::SystemService::Stub stub(channel);
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(absl::Now() + patience_));
  const grpc::Status status = stub.GetInfo(&context, v1::GetInfoRequest(), &info_);
  if (status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED) {
    return absl::DeadlineExceededError(absl::StrCat("wslmd (process ", daemon_pid_, ") does not answer within ",
                                                    absl::FormatDuration(patience_),
                                                    ". Its log may say why; 'wslm daemon stop' ends it."));
  }
  RETURN_IF_ERROR(FromRpc(status));
  // Where systemd listens for it, the peer is systemd.
  if (info_.pid() > 0) daemon_pid_ = info_.pid();
  channel_ = std::move(channel);
  return absl::OkStatus();
}

absl::Status Client::ReplaceOldDaemonLocked() {
  const pid_t pid = daemon_pid_;
  v1::SystemService::Stub stub(channel_);
  grpc::ClientContext context;
  v1::StopDaemonResponse response;
  const grpc::Status stopped = stub.StopDaemon(&context, v1::StopDaemonRequest(), &response);
  if (!stopped.ok() && !IsConnectionLost(stopped)) return FromRpc(stopped);
  channel_ = nullptr;
  WaitForEnd(pid, kReplaceTimeout);
  ASSIGN_OR_RETURN(UniqueFd socket, launcher_.Connect());
  // One that is still older belongs to another installation and is good enough.
  return HandshakeLocked(std::move(socket));
}

}  // namespace wslm::cli
