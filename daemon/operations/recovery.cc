#include "daemon/operations/recovery.h"

#include <unistd.h>

#include <cerrno>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/operations/convert.h"
#include "daemon/operations/push.h"
#include "daemon/operations/resize.h"
#include "distros/host/error.h"
#include "distros/host/files.h"
#include "distros/host/remove_tree.h"
#include "distros/host/status_macros.h"
#include "wslm/v1/distro_service.pb.h"

namespace wslm::daemon {
namespace {

constexpr absl::Duration kGrace = absl::Seconds(2);

absl::Status Interrupted(std::string_view what) {
  return Error(absl::StatusCode::kAborted, reason::kInterrupted,
               absl::StrCat("The daemon ended during this operation. ", std::string(what)));
}

absl::StatusOr<v1::OperationResponse> DistroResponse(const RegistryEntry& entry, OperationDeps deps) {
  v1::OperationResponse response;
  *response.mutable_distro() = deps.views.AfterOperation(entry);
  return response;
}

absl::StatusOr<v1::OperationResponse> RecoverImport(const JournalRecord& record, const std::string& id,
                                                    OperationDeps deps) {
  // Staging was emptied when the registry was opened.
  const auto entry = deps.registry.Find(id);
  if (!entry.ok()) return Interrupted("Nothing was imported; import again.");
  if (!record.undo_registration()) return DistroResponse(*entry, deps);
  RETURN_IF_ERROR(deps.instances.Stop(id, kGrace));
  RETURN_IF_ERROR(deps.registry.Remove(id, /*purge=*/true).status());
  deps.instances.Forget(id);
  return Interrupted("The distro's user was not made yet, so the distro was removed again; import again.");
}

absl::StatusOr<v1::OperationResponse> RecoverClone(const v1::Operation& operation, OperationDeps deps) {
  if (operation.distros_size() == 2) {
    const auto entry = deps.registry.Find(operation.distros(1).id());
    if (entry.ok()) return DistroResponse(*entry, deps);
  }
  return Interrupted("Nothing was cloned; clone again.");
}

absl::StatusOr<v1::OperationResponse> RecoverResized(const JournalRecord& record, const std::string& id,
                                                     OperationDeps deps) {
  ASSIGN_OR_RETURN(const RegistryEntry entry, deps.registry.Find(id));
  ASSIGN_OR_RETURN(const bool done, RecoverResize(record, entry));
  if (done) return DistroResponse(entry, deps);
  return Interrupted("The disk, or the file system on it, may have its old size; resize again.");
}

absl::StatusOr<v1::OperationResponse> RecoverExport(const JournalRecord& record) {
  for (const auto& file : record.leftover_files()) {
    if (::unlink(file.c_str()) == 0) continue;
    // With the response noted, only the rename was left to be done; the temporary name is gone once it is.
    if (errno == ENOENT && record.has_intended_response()) return record.intended_response();
    if (errno != ENOENT) {
      return Interrupted(std::string(ErrnoError("The unfinished archive can't be removed:", file).message()));
    }
  }
  return Interrupted("The unfinished archive was removed; export again.");
}

absl::StatusOr<v1::OperationResponse> RecoverConvert(const JournalRecord& record, const std::string& id,
                                                     OperationDeps deps) {
  v1::ConvertDistroRequest request;
  ASSIGN_OR_RETURN(const RegistryEntry entry, deps.registry.Find(id));
  if (request.ParseFromString(record.request_body()) && static_cast<int>(request.version()) == entry.record.version) {
    return DistroResponse(entry, deps);
  }
  return Interrupted("The distro is as it was before; convert again.");
}

absl::StatusOr<v1::OperationResponse> RecoverPush(const std::string& id, OperationDeps deps) {
  ASSIGN_OR_RETURN(const RegistryEntry entry, deps.registry.Find(id));
  RETURN_IF_ERROR(RemoveTree(PushFolder(entry)));
  return Interrupted("The image may be in the registry or not; push again.");
}

absl::StatusOr<v1::OperationResponse> RecoverDelete(const std::string& id, OperationDeps deps) {
  if (deps.registry.Find(id).ok()) return Interrupted("The distro is still registered; remove it again.");
  return v1::OperationResponse();
}

}  // namespace

std::vector<std::string> FinishConversions(OperationDeps deps) {
  std::vector<std::string> useless;
  for (const RegistryEntry& entry : deps.registry.List()) {
    if (deps.instances.StateOf(entry.record.id) == v1::DISTRO_STATE_STOPPED) {
      if (const auto aside = SetAsideOtherForm(entry); !aside.ok()) {
        deps.log.Error(absl::StrCat("cannot put aside what a conversion left of ", entry.record.name, ": ",
                                    aside.status().message()));
      }
    }
    for (auto& folder : FoldersSetAside(entry)) useless.push_back(std::move(folder));
  }
  return useless;
}

absl::StatusOr<v1::OperationResponse> RecoverOperation(const JournalRecord& record, OperationDeps deps) {
  const v1::Operation& operation = record.operation();
  const std::string id = operation.distros().empty() ? "" : operation.distros(0).id();
  if (id.empty()) return Interrupted("");
  switch (operation.kind()) {
    case v1::OPERATION_KIND_IMPORT:
    case v1::OPERATION_KIND_IMPORT_IN_PLACE:
    case v1::OPERATION_KIND_PULL:
      return RecoverImport(record, id, deps);
    case v1::OPERATION_KIND_EXPORT:
      return RecoverExport(record);
    case v1::OPERATION_KIND_CONVERT:
      return RecoverConvert(record, id, deps);
    case v1::OPERATION_KIND_DELETE:
      return RecoverDelete(id, deps);
    case v1::OPERATION_KIND_PUSH:
      return RecoverPush(id, deps);
    case v1::OPERATION_KIND_CLONE:
      return RecoverClone(operation, deps);
    case v1::OPERATION_KIND_RESIZE:
      return RecoverResized(record, id, deps);
    case v1::OPERATION_KIND_CHECK:
    case v1::OPERATION_KIND_COMPARE:
    case v1::OPERATION_KIND_TRIM:
      return Interrupted("Begin it again.");
    default:
      return Interrupted("");
  }
}

}  // namespace wslm::daemon
