#include "daemon/server/status.h"

#include <map>
#include <string>
#include <string_view>

#include "distros/host/error.h"
#include "google/rpc/error_details.pb.h"

namespace wslm::daemon {
namespace {

constexpr char kDomain[] = "wslm";

// What kind of thing an error is about, and which of its metadata names the thing.
struct Resource {
  std::string_view type;
  std::string_view metadata;
};

const Resource* ResourceOf(std::string_view reason) {
  static const std::map<std::string_view, Resource> resources = {
      {reason::kDistroNotFound, {"wslm.v1.Distro", "distro"}},
      {reason::kDistroExists, {"wslm.v1.Distro", "distro"}},
      {reason::kDistroRunning, {"wslm.v1.Distro", "distro"}},
      {reason::kDistroBroken, {"wslm.v1.Distro", "distro"}},
      {reason::kDistroProtected, {"wslm.v1.Distro", "distro"}},
      {reason::kDistroBusy, {"wslm.v1.Operation", "operation"}},
      {reason::kOperationNotFound, {"wslm.v1.Operation", "operation"}},
      {reason::kSessionNotFound, {"wslm.v1.Session", "session"}},
      {reason::kUploadNotFound, {"upload", "upload"}},
      {reason::kUserNotFound, {"user", "user"}},
      {reason::kFileNotFound, {"file", "path"}},
      {reason::kFileExists, {"file", "path"}},
  };
  const auto found = resources.find(reason);
  return found == resources.end() ? nullptr : &found->second;
}

std::string_view DefaultReason(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kCancelled:
      return reason::kCancelled;
    case absl::StatusCode::kInvalidArgument:
      return reason::kInvalidArgument;
    case absl::StatusCode::kPermissionDenied:
      return reason::kPermissionDenied;
    default:
      return reason::kInternal;
  }
}

}  // namespace

google::rpc::Status ToRpcStatus(const absl::Status& status) {
  google::rpc::Status result;
  result.set_code(static_cast<int>(status.code()));
  if (status.ok()) return result;
  // Strings of a message must be UTF-8, and paths need not be.
  const std::string message = Escaped(std::string(status.message()));
  result.set_message(message);

  google::rpc::ErrorInfo info;
  info.set_domain(kDomain);
  std::string reason = ReasonOf(status);
  if (reason.empty()) reason = DefaultReason(status.code());
  info.set_reason(reason);
  const ErrorMetadata metadata = MetadataOf(status);
  for (const auto& [key, value] : metadata) (*info.mutable_metadata())[key] = Escaped(value);
  result.add_details()->PackFrom(info);

  if (const Resource* resource = ResourceOf(reason)) {
    google::rpc::ResourceInfo details;
    details.set_resource_type(std::string(resource->type));
    const auto name = metadata.find(std::string(resource->metadata));
    if (name != metadata.end()) details.set_resource_name(Escaped(name->second));
    details.set_description(message);
    result.add_details()->PackFrom(details);
  }
  if (reason == reason::kInvalidArgument || reason == reason::kInvalidName) {
    google::rpc::BadRequest details;
    auto* violation = details.add_field_violations();
    const auto field = metadata.find("field");
    violation->set_field(field != metadata.end() ? field->second : reason == reason::kInvalidName ? "name" : "");
    violation->set_description(message);
    result.add_details()->PackFrom(details);
  }
  return result;
}

grpc::Status ToGrpcStatus(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  const google::rpc::Status rpc = ToRpcStatus(status);
  return grpc::Status(static_cast<grpc::StatusCode>(rpc.code()), rpc.message(), rpc.SerializeAsString());
}

absl::Status FromRpcStatus(const google::rpc::Status& status) {
  if (status.code() == 0) return absl::OkStatus();
  std::string reason;
  ErrorMetadata metadata;
  for (const auto& detail : status.details()) {
    google::rpc::ErrorInfo info;
    if (!detail.UnpackTo(&info)) continue;
    reason = info.reason();
    metadata.insert(info.metadata().begin(), info.metadata().end());
  }
  return Error(static_cast<absl::StatusCode>(status.code()), reason, status.message(), metadata);
}

}  // namespace wslm::daemon
