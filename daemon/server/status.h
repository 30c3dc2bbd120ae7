// Errors on their way out: absl::Status to what travels over gRPC and lies in an Operation.
//
// The canonical code and the sentence are kept; the details hold a google.rpc.ErrorInfo always (domain "wslm", reason
// of wslm.v1.ErrorReason, INTERNAL when the error has none), and a ResourceInfo or BadRequest where they fit.
// Thread-safe.
#ifndef WSLM_DAEMON_SERVER_STATUS_H_
#define WSLM_DAEMON_SERVER_STATUS_H_

#include <grpcpp/support/status.h>

#include "absl/status/status.h"
#include "google/rpc/status.pb.h"

namespace wslm::daemon {

google::rpc::Status ToRpcStatus(const absl::Status& status);
grpc::Status ToGrpcStatus(const absl::Status& status);

// The way back, for errors that were kept in the journal.
absl::Status FromRpcStatus(const google::rpc::Status& status);

}  // namespace wslm::daemon

#endif  // WSLM_DAEMON_SERVER_STATUS_H_
