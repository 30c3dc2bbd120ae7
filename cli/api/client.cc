#include "cli/api/client.h"

#include <signal.h>

#include <charconv>
#include <chrono>
#include <climits>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "cli/api/address.h"
#include "distros/host/error.h"
#include "grpcpp/create_channel_posix.h"
#include "wslm/v1/system.grpc.pb.h"

namespace wslm::cli {
namespace {

// A daemon that has just started first looks after what the one before left.
constexpr std::chrono::seconds kHandshakeTimeout{30};

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
  std::shared_ptr<grpc::Channel> channel = ChannelOver(std::move(socket));
  v1::SystemService::Stub stub(channel);
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + kHandshakeTimeout);
  const grpc::Status status = stub.GetInfo(&context, v1::GetInfoRequest(), &info_);
  if (status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED) {
    return absl::DeadlineExceededError(
        "wslmd does not answer within 30 s. Its log may say why; 'wslm daemon stop' ends it.");
  }
  RETURN_IF_ERROR(FromRpc(status));
  channel_ = std::move(channel);
  return absl::OkStatus();
}

absl::Status Client::ReplaceOldDaemonLocked() {
  const pid_t pid = info_.pid();
  v1::SystemService::Stub stub(channel_);
  grpc::ClientContext context;
  v1::StopDaemonResponse response;
  const grpc::Status stopped = stub.StopDaemon(&context, v1::StopDaemonRequest(), &response);
  if (!stopped.ok() && !IsConnectionLost(stopped)) return FromRpc(stopped);
  channel_ = nullptr;
  const absl::Time deadline = absl::Now() + absl::Seconds(10);
  while (pid > 0 && kill(pid, 0) == 0 && absl::Now() < deadline) absl::SleepFor(absl::Milliseconds(10));
  ASSIGN_OR_RETURN(UniqueFd socket, launcher_.Connect());
  // One that is still older belongs to another installation and is good enough.
  return HandshakeLocked(std::move(socket));
}

}  // namespace wslm::cli
