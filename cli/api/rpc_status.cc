#include "cli/api/rpc_status.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "distros/host/error.h"
#include "google/rpc/error_details.pb.h"

namespace wslm::cli {
namespace {

// Finds the ErrorInfo of ours.
bool FindErrorInfo(const google::rpc::Status& status, google::rpc::ErrorInfo& info) {
  for (const google::protobuf::Any& detail : status.details()) {
    if (detail.UnpackTo(&info) && info.domain() == "wslm" && !info.reason().empty()) return true;
  }
  return false;
}

absl::Status Make(int code, const std::string& message, const google::rpc::Status& details) {
  const auto canonical = static_cast<absl::StatusCode>(code);
  google::rpc::ErrorInfo info;
  if (!FindErrorInfo(details, info)) return absl::Status(canonical, message);
  return Error(canonical, info.reason(), message, ErrorMetadata(info.metadata().begin(), info.metadata().end()));
}

google::rpc::Status DetailsOf(const grpc::Status& status) {
  google::rpc::Status details;
  if (!details.ParseFromString(status.error_details())) details.Clear();
  return details;
}

}  // namespace

absl::Status FromRpc(const grpc::Status& status) {
  if (status.ok()) return absl::OkStatus();
  if (IsConnectionLost(status)) {
    return absl::UnavailableError("The connection to wslmd was lost. 'wslm daemon status' shows whether it runs.");
  }
  google::rpc::ErrorInfo info;
  // What gRPC says of a call that it doesn't know; the daemon gives a reason.
  if (status.error_code() == grpc::StatusCode::UNIMPLEMENTED && !FindErrorInfo(DetailsOf(status), info)) {
    return absl::UnimplementedError(
        "The daemon that runs does not know this call: it is of another version. 'wslm daemon stop' ends it; the next "
        "command starts the present one.");
  }
  return Make(status.error_code(), status.error_message(), DetailsOf(status));
}

absl::Status FromResult(const google::rpc::Status& status) { return Make(status.code(), status.message(), status); }

bool IsConnectionLost(const grpc::Status& status) {
  // A call that comes while gRPC's server shuts down is cancelled by it, without a word of the daemon's.
  if (status.error_code() != grpc::StatusCode::UNAVAILABLE && status.error_code() != grpc::StatusCode::CANCELLED) {
    return false;
  }
  google::rpc::ErrorInfo info;
  return !FindErrorInfo(DetailsOf(status), info);
}

bool IsDaemonGone(const grpc::Status& status) {
  google::rpc::ErrorInfo info;
  return IsConnectionLost(status) || (FindErrorInfo(DetailsOf(status), info) && info.reason() == reason::kShuttingDown);
}

}  // namespace wslm::cli
