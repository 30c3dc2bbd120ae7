#include "daemon/operations/trim.h"

#include <utility>

#include "daemon/operations/distro_forms.h"
#include "daemon/operations/held_distro.h"
#include "distros/ext4/resize.h"
#include "distros/host/image_lock.h"
#include "distros/host/status_macros.h"

namespace wslm::daemon {

absl::StatusOr<OperationPlan> PlanTrim(const v1::TrimDistroRequest& request, const std::string& operation_id,
                                       OperationDeps deps) {
  OperationPlan plan;
  ASSIGN_OR_RETURN(const RegistryEntry entry,
                   HoldDistro(request.distro(), {operation_id, v1::OPERATION_KIND_TRIM}, request.terminate(), deps,
                              plan, [](const RegistryEntry& distro) { return CheckHasRawDisk(distro, "trimmed"); }));
  plan.work = [deps, entry,
               terminate = request.terminate()](OperationContext& context) -> absl::StatusOr<v1::OperationResponse> {
    context.BeginPhase(v1::PROGRESS_PHASE_PREPARE);
    RETURN_IF_ERROR(deps.instances.EnsureStopped(entry, terminate));
    ASSIGN_OR_RETURN(const UniqueFd lock, LockImage(entry.image()));
    context.BeginPhase(v1::PROGRESS_PHASE_TRIM);
    v1::OperationResponse response;
    ASSIGN_OR_RETURN(const int64_t freed, TrimExt4(entry.image(), context.cancel_flag()));
    response.mutable_trim()->set_freed_bytes(freed);
    return response;
  };
  return plan;
}

}  // namespace wslm::daemon
