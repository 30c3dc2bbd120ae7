#include "daemon/services/distro_service.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "daemon/instances/instance_calls.h"
#include "daemon/operations/check.h"
#include "daemon/operations/clone.h"
#include "daemon/operations/compare.h"
#include "daemon/operations/convert.h"
#include "daemon/operations/delete.h"
#include "daemon/operations/export.h"
#include "daemon/operations/import.h"
#include "daemon/operations/push.h"
#include "daemon/operations/resize.h"
#include "daemon/operations/trim.h"
#include "daemon/services/page.h"
#include "daemon/timestamps.h"
#include "distros/host/error.h"
#include "distros/host/invalid.h"
#include "distros/host/status_macros.h"

namespace wslm::daemon {
namespace {

constexpr absl::Duration kDefaultGrace = absl::Seconds(2);
constexpr absl::Duration kCommandTimeout = absl::Seconds(30);
// What id(1) answers for a user who is not there; other codes say that there is no id(1).
constexpr int kNoSuchUser = 1;

// What is changed in `record` by the request. Errors: INVALID_ARGUMENT, STALE_ETAG.
absl::Status Apply(const v1::UpdateDistroRequest& request, DistroRecord& record) {
  const v1::Distro& values = request.values();
  if (!values.etag().empty() && values.etag() != absl::StrCat(record.revision)) {
    return Error(
        absl::StatusCode::kAborted, reason::kStaleEtag,
        absl::StrCat("The distro '", record.name, "' was changed meanwhile; get it again and repeat the change."),
        {{"distro", record.name}});
  }
  if (request.update_mask().paths().empty()) return Invalid("update_mask", "Name the fields to change.");
  for (const auto& path : request.update_mask().paths()) {
    if (path == "name") {
      record.name = values.name();
    } else if (path == "default_user") {
      record.default_user = values.default_user();
    } else if (path == "protected") {
      record.is_protected = values.protected_();
    } else {
      return Invalid("update_mask",
                     absl::StrCat("The field '", path, "' can't be changed; name, default_user and protected can."));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<RegistryEntry> DistroService::FindNamed(const std::string& name) const {
  if (name.empty()) return Invalid("distro", "Name the distro.");
  return deps_.registry.Find(name);
}

absl::Status DistroService::DoListDistros(const v1::ListDistrosRequest& request, v1::ListDistrosResponse& response) {
  std::vector<v1::Distro> distros;
  for (v1::Distro& distro : deps_.views.All()) {
    const auto& states = request.states();
    if (!states.empty() && std::find(states.begin(), states.end(), distro.state()) == states.end()) continue;
    distros.push_back(std::move(distro));
  }
  ASSIGN_OR_RETURN(auto page, PageOf(std::move(distros), request.page_size(), request.page_token()));
  for (auto& distro : page.items) *response.add_distros() = std::move(distro);
  response.set_next_page_token(page.next_token);
  return absl::OkStatus();
}

absl::Status DistroService::DoGetDistro(const v1::GetDistroRequest& request, v1::GetDistroResponse& response) {
  ASSIGN_OR_RETURN(*response.mutable_distro(), deps_.views.Find(request.distro()));
  return absl::OkStatus();
}

absl::Status DistroService::CheckUser(const RegistryEntry& entry, const std::string& user) {
  uint32_t number = 0;
  if (user.empty() || user == "root" || absl::SimpleAtoi(user, &number)) return absl::OkStatus();
  if (user[0] == '-' || user.find('\0') != std::string::npos)
    return Invalid("values.default_user", "This is no user's name.");
  ASSIGN_OR_RETURN(const InstanceUse use, deps_.instances.Acquire(entry, {}));
  ASSIGN_OR_RETURN(const auto result, RunCommand(*use.channel(), entry.record.id, {"id", "-u", user}, kCommandTimeout,
                                                 [] { return absl::OkStatus(); }));
  if (result.code != kNoSuchUser) return absl::OkStatus();
  return Error(absl::StatusCode::kNotFound, reason::kUserNotFound,
               absl::StrCat("The distro '", entry.record.name, "' has no user '", user, "'."), {{"user", user}});
}

absl::Status DistroService::DoUpdateDistro(const v1::UpdateDistroRequest& request, v1::UpdateDistroResponse& response) {
  const std::string body = request.SerializeAsString();
  ASSIGN_OR_RETURN(const bool seen, updates_.Seen(request.request_id(), body));
  ASSIGN_OR_RETURN(RegistryEntry entry, FindNamed(request.distro()));
  if (!seen) {
    DistroRecord wanted = entry.record;
    RETURN_IF_ERROR(Apply(request, wanted));
    if (wanted.default_user != entry.record.default_user) RETURN_IF_ERROR(CheckUser(entry, wanted.default_user));
    // The user was looked for without the lock, which would have kept the distro from being started.
    ASSIGN_OR_RETURN(const auto lock, deps_.locks.Take(entry.record.id, entry.record.name, {}));
    ASSIGN_OR_RETURN(entry, deps_.registry.Find(entry.record.id));
    wanted = entry.record;
    RETURN_IF_ERROR(Apply(request, wanted));
    ASSIGN_OR_RETURN(entry, deps_.registry.Update(wanted));
    updates_.Remember(request.request_id(), body);
  }
  deps_.views.Publish(entry.record.id, v1::CHANGE_KIND_UPDATED);
  *response.mutable_distro() = deps_.views.Of(entry);
  return absl::OkStatus();
}

absl::Status DistroService::DoSetDefaultDistro(const v1::SetDefaultDistroRequest& request,
                                               v1::SetDefaultDistroResponse& response) {
  ASSIGN_OR_RETURN(const RegistryEntry entry, FindNamed(request.distro()));
  const std::string before = deps_.registry.default_id();
  if (before != entry.record.id) {
    RETURN_IF_ERROR(deps_.registry.SetDefault(entry.record.id));
    if (!before.empty()) deps_.views.Publish(before, v1::CHANGE_KIND_UPDATED);
    deps_.views.Publish(entry.record.id, v1::CHANGE_KIND_UPDATED);
  }
  *response.mutable_distro() = deps_.views.Of(entry);
  return absl::OkStatus();
}

absl::Status DistroService::DoStartDistro(const v1::StartDistroRequest& request, v1::StartDistroResponse& response) {
  ASSIGN_OR_RETURN(const RegistryEntry entry, deps_.registry.Find(request.distro()));
  ASSIGN_OR_RETURN(const InstanceUse use, deps_.instances.Acquire(entry, {}));
  *response.mutable_distro() = deps_.views.Of(entry);
  return absl::OkStatus();
}

absl::Status DistroService::DoTerminateDistro(const v1::TerminateDistroRequest& request,
                                              v1::TerminateDistroResponse& response) {
  ASSIGN_OR_RETURN(const RegistryEntry entry, FindNamed(request.distro()));
  const absl::Duration grace = request.has_grace() ? FromDuration(request.grace()) : kDefaultGrace;
  if (grace < absl::ZeroDuration()) return Invalid("grace", "The grace period must not be negative.");
  RETURN_IF_ERROR(deps_.instances.Stop(entry.record.id, grace));
  *response.mutable_distro() = deps_.views.Of(entry);
  return absl::OkStatus();
}

template <class Request, class Response, class Plan>
absl::Status DistroService::Begin(v1::OperationKind kind, const Request& request, Response& response, Plan plan) {
  Request body = request;
  body.clear_request_id();
  ASSIGN_OR_RETURN(*response.mutable_operation(),
                   operations_.Begin({.kind = kind,
                                      .requestor = request.requestor(),
                                      .request_id = request.request_id(),
                                      .body = body.SerializeAsString()},
                                     [&](const std::string& id) { return plan(request, id, deps_); }));
  return absl::OkStatus();
}

absl::Status DistroService::DoImportDistro(const v1::ImportDistroRequest& request, v1::ImportDistroResponse& response) {
  return Begin(v1::OPERATION_KIND_IMPORT, request, response, PlanImport);
}

absl::Status DistroService::DoImportInPlace(const v1::ImportInPlaceRequest& request,
                                            v1::ImportInPlaceResponse& response) {
  return Begin(v1::OPERATION_KIND_IMPORT_IN_PLACE, request, response, PlanImportInPlace);
}

absl::Status DistroService::DoPullDistro(const v1::PullDistroRequest& request, v1::PullDistroResponse& response) {
  return Begin(v1::OPERATION_KIND_PULL, request, response, PlanPull);
}

absl::Status DistroService::DoPushDistro(const v1::PushDistroRequest& request, v1::PushDistroResponse& response) {
  RETURN_IF_ERROR(FindNamed(request.distro()).status());
  return Begin(v1::OPERATION_KIND_PUSH, request, response, PlanPush);
}

absl::Status DistroService::DoExportDistro(const v1::ExportDistroRequest& request, v1::ExportDistroResponse& response) {
  RETURN_IF_ERROR(FindNamed(request.distro()).status());
  return Begin(v1::OPERATION_KIND_EXPORT, request, response, PlanExport);
}

absl::Status DistroService::DoConvertDistro(const v1::ConvertDistroRequest& request,
                                            v1::ConvertDistroResponse& response) {
  return Begin(v1::OPERATION_KIND_CONVERT, request, response, PlanConvert);
}

absl::Status DistroService::DoCloneDistro(const v1::CloneDistroRequest& request, v1::CloneDistroResponse& response) {
  RETURN_IF_ERROR(FindNamed(request.distro()).status());
  return Begin(v1::OPERATION_KIND_CLONE, request, response, PlanClone);
}

absl::Status DistroService::DoResizeDistro(const v1::ResizeDistroRequest& request, v1::ResizeDistroResponse& response) {
  return Begin(v1::OPERATION_KIND_RESIZE, request, response, PlanResize);
}

absl::Status DistroService::DoTrimDistro(const v1::TrimDistroRequest& request, v1::TrimDistroResponse& response) {
  return Begin(v1::OPERATION_KIND_TRIM, request, response, PlanTrim);
}

absl::Status DistroService::DoCheckDistro(const v1::CheckDistroRequest& request, v1::CheckDistroResponse& response) {
  return Begin(v1::OPERATION_KIND_CHECK, request, response, PlanCheck);
}

absl::Status DistroService::DoCompareTrees(const v1::CompareTreesRequest& request, v1::CompareTreesResponse& response) {
  return Begin(v1::OPERATION_KIND_COMPARE, request, response, PlanCompare);
}

absl::Status DistroService::DoDeleteDistro(const v1::DeleteDistroRequest& request, v1::DeleteDistroResponse& response) {
  if (request.distro().empty()) return Invalid("distro", "Name the distro.");
  return Begin(v1::OPERATION_KIND_DELETE, request, response, PlanDelete);
}

absl::Status DistroService::DoListTrash(const v1::ListTrashRequest&, v1::ListTrashResponse& response) {
  for (const TrashEntry& trashed : deps_.registry.Trash()) {
    auto* distro = response.add_distros();
    *distro->mutable_distro() = deps_.views.AfterOperation(trashed.entry);
    *distro->mutable_delete_time() = ToTimestamp(trashed.delete_time_ns);
    *distro->mutable_purge_time() = ToTimestamp(trashed.purge_time_ns);
  }
  return absl::OkStatus();
}

absl::Status DistroService::DoRecoverDistro(const v1::RecoverDistroRequest& request,
                                            v1::RecoverDistroResponse& response) {
  if (request.distro().empty()) return Invalid("distro", "Name the deleted distro.");
  v1::RecoverDistroRequest body = request;
  body.clear_request_id();
  ASSIGN_OR_RETURN(const bool seen, recoveries_.Seen(request.request_id(), body.SerializeAsString()));
  if (seen) {
    const std::string& name = request.new_name().empty() ? request.distro() : request.new_name();
    ASSIGN_OR_RETURN(const RegistryEntry entry, deps_.registry.Find(name));
    *response.mutable_distro() = deps_.views.Of(entry);
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(const RegistryEntry entry, deps_.registry.Recover(request.distro(), request.new_name()));
  recoveries_.Remember(request.request_id(), body.SerializeAsString());
  deps_.views.Publish(entry.record.id, v1::CHANGE_KIND_CREATED);
  *response.mutable_distro() = deps_.views.Of(entry);
  return absl::OkStatus();
}

}  // namespace wslm::daemon
