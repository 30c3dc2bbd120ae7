#include "daemon/operations/delete.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "distros/host/error.h"
#include "distros/host/status_macros.h"

namespace wslm::daemon {
namespace {

constexpr absl::Duration kGrace = absl::Seconds(2);

}  // namespace

absl::StatusOr<OperationPlan> PlanDelete(const v1::DeleteDistroRequest& request, const std::string& operation_id,
                                         OperationDeps deps) {
  ASSIGN_OR_RETURN(const RegistryEntry entry, deps.registry.Find(request.distro()));
  const std::string& name = entry.record.name;
  OperationPlan plan;
  ASSIGN_OR_RETURN(auto lock, deps.locks.Take(entry.record.id, name, {operation_id, v1::OPERATION_KIND_DELETE}));
  plan.locks.push_back(std::move(lock));
  if (entry.record.is_protected) {
    return Error(absl::StatusCode::kFailedPrecondition, reason::kDistroProtected,
                 absl::StrCat("The distro '", name, "' is protected against deletion; take the protection away first."),
                 {{"distro", name}});
  }
  plan.distros.push_back(RefOf(entry.record));
  plan.changed.push_back([deps, id = entry.record.id] { deps.views.Publish(id, v1::CHANGE_KIND_UPDATED); });
  plan.work = [deps, entry,
               purge = request.purge()](OperationContext& context) -> absl::StatusOr<v1::OperationResponse> {
    const std::string& id = entry.record.id;
    context.BeginPhase(v1::PROGRESS_PHASE_PREPARE);
    RETURN_IF_ERROR(deps.instances.Stop(id, kGrace));
    RETURN_IF_ERROR(context.PassPointOfNoReturn());
    context.BeginPhase(v1::PROGRESS_PHASE_COMMIT);
    const v1::Distro last = deps.views.AfterOperation(entry);
    const std::string default_before = deps.registry.default_id();
    ASSIGN_OR_RETURN(const std::string left, deps.registry.Remove(id, purge));
    if (!left.empty()) context.Warn(left);
    deps.instances.Forget(id);
    deps.events.DistroChanged(v1::CHANGE_KIND_DELETED, last);
    if (default_before == id) deps.views.Publish(deps.registry.default_id(), v1::CHANGE_KIND_UPDATED);
    return v1::OperationResponse();
  };
  return plan;
}

}  // namespace wslm::daemon
