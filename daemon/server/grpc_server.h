// The gRPC server over connections that were accepted elsewhere, with the standard health and reflection services.
//
//   GrpcServer server({&system_service, &distro_service});
//   server.Serve(std::move(connection));
//
// Serve is thread-safe.
#ifndef WSLM_DAEMON_SERVER_GRPC_SERVER_H_
#define WSLM_DAEMON_SERVER_GRPC_SERVER_H_

#include <grpcpp/grpcpp.h>

#include <memory>
#include <vector>

#include "absl/time/time.h"
#include "distros/host/unique_fd.h"

namespace wslm::daemon {

class GrpcServer {
 public:
  // The services outlive this.
  explicit GrpcServer(const std::vector<grpc::Service*>& services);
  // Shuts down at once unless Shutdown was called.
  ~GrpcServer();

  void Serve(UniqueFd connection);
  // No new calls; those under way get `grace` to end, then are cancelled. Returns when all have ended.
  void Shutdown(absl::Duration grace);

 private:
  std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> acceptor_;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace wslm::daemon

#endif  // WSLM_DAEMON_SERVER_GRPC_SERVER_H_
