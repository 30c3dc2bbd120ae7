// From what gRPC reports to a status with our reason and metadata.
#ifndef WSLM_CLI_API_RPC_STATUS_H_
#define WSLM_CLI_API_RPC_STATUS_H_

#include "absl/status/status.h"
#include "google/rpc/status.pb.h"
#include "grpcpp/support/status.h"

namespace wslm::cli {

// The error of a call; its reason is that of the ErrorInfo in the status details.
absl::Status FromRpc(const grpc::Status& status);

// The error of an operation.
absl::Status FromResult(const google::rpc::Status& status);

// Whether the connection broke, rather than the daemon having answered with an error of its own. Not for a call that
// this program cancelled.
bool IsConnectionLost(const grpc::Status& status);

// Whether the daemon's successor is the one to ask: the connection broke, or the daemon says that it ends.
bool IsDaemonGone(const grpc::Status& status);

}  // namespace wslm::cli

#endif  // WSLM_CLI_API_RPC_STATUS_H_
