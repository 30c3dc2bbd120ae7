// The connection to the daemon, made when it is first needed.
//
//   ASSIGN_OR_RETURN(auto response, client.Call(&DistroService::Stub::ListDistros, ListDistrosRequest()));
#ifndef WSLM_CLI_API_CLIENT_H_
#define WSLM_CLI_API_CLIENT_H_

#include <sys/types.h>

#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "cli/api/daemon_launcher.h"
#include "cli/api/rpc_status.h"
#include "distros/host/status_macros.h"
#include "grpcpp/channel.h"
#include "grpcpp/client_context.h"
#include "wslm/v1/system.pb.h"

namespace wslm::cli {

// Thread-safe.
class Client {
 public:
  // `socket` is WSLM_HOST's, empty for the user's own daemon, which `launcher` starts when needed.
  // `patience` is how long a daemon may take to answer at all: one that has just started first looks after what the one
  // before left.
  Client(std::string socket, DaemonLauncher launcher, absl::Duration patience = absl::Seconds(30))
      : socket_(std::move(socket)), patience_(patience), launcher_(std::move(launcher)) {}

  // The channel; connects at the first call, and again after Reset. The user's own daemon is started when none runs,
  // and restarted when it is older than this program.
  absl::StatusOr<std::shared_ptr<grpc::Channel>> Channel();
  // As Channel, but an absent daemon is an error (NOT_FOUND), and an old one is left alone. DEADLINE_EXCEEDED: there is
  // one, daemon_pid(), and it does not answer.
  absl::StatusOr<std::shared_ptr<grpc::Channel>> ChannelToRunning();
  // Forgets `channel` if it is the present one: it broke.
  void Reset(const std::shared_ptr<grpc::Channel>& channel);

  // What the daemon said of itself when the connection was made. Set after Channel() succeeded.
  v1::GetInfoResponse info() const;
  // The process that was connected to last, also when it did not answer; 0 when unknown.
  pid_t daemon_pid() const;

  // One call. When the connection breaks under it, it is repeated once: every call either changes nothing more then, or
  // has a request id.
  template <typename Stub, typename Request, typename Response>
  absl::StatusOr<Response> Call(grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
                                const Request& request) {
    for (bool last = false;; last = true) {
      ASSIGN_OR_RETURN(std::shared_ptr<grpc::Channel> channel, Channel());
      Stub stub(channel);
      grpc::ClientContext context;
      Response response;
      const grpc::Status status = (stub.*method)(&context, request, &response);
      if (status.ok()) return response;
      if (IsConnectionLost(status)) Reset(channel);
      if (last || !IsConnectionLost(status)) return FromRpc(status);
    }
  }

  // Call for all pages of a list, as one response.
  template <typename Stub, typename Request, typename Response>
  absl::StatusOr<Response> CallForAll(grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
                                      Request request) {
    Response all;
    do {
      ASSIGN_OR_RETURN(const Response page, Call(method, request));
      all.MergeFrom(page);
      request.set_page_token(page.next_page_token());
    } while (!request.page_token().empty());
    all.clear_next_page_token();
    return all;
  }

 private:
  absl::Status ConnectLocked(bool start) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status HandshakeLocked(UniqueFd socket) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status ReplaceOldDaemonLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::string socket_;
  const absl::Duration patience_;
  mutable absl::Mutex mutex_;
  DaemonLauncher launcher_ ABSL_GUARDED_BY(mutex_);
  std::shared_ptr<grpc::Channel> channel_ ABSL_GUARDED_BY(mutex_);
  v1::GetInfoResponse info_ ABSL_GUARDED_BY(mutex_);
  pid_t daemon_pid_ ABSL_GUARDED_BY(mutex_) = 0;
};

// Whether version `a` ("1.10.0") comes before `b`.
bool IsOlderVersion(const std::string& a, const std::string& b);

}  // namespace wslm::cli

#endif  // WSLM_CLI_API_CLIENT_H_
