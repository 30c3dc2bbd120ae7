#include "daemon/operations/clone.h"

#include <utility>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "daemon/operations/distro_forms.h"
#include "daemon/operations/held_distro.h"
#include "daemon/operations/verified_copy.h"
#include "distros/host/error.h"
#include "distros/host/failpoint.h"
#include "distros/host/invalid.h"
#include "distros/host/random_id.h"
#include "distros/host/status_macros.h"

namespace wslm::daemon {
namespace {

// The new distro's record, all but what is known at its end.
absl::StatusOr<DistroRecord> RecordOf(const v1::CloneDistroRequest& request, const DistroRecord& source) {
  DistroRecord record = source;
  record.id = NewUuid();
  record.name = request.name();
  if (request.version() != v1::DISTRO_VERSION_UNSPECIFIED) record.version = static_cast<int>(request.version());
  if (record.version != 1 && record.version != 2) return Invalid("version", "The version must be 1 or 2.");
  RETURN_IF_ERROR(CheckDiskSize(record.version, request.disk_size()));
  if (!request.location().empty() && request.location()[0] != '/') {
    return Invalid("location", "The location must be an absolute path.");
  }
  record.location = request.location();
  record.made_location = false;
  record.is_protected = false;
  record.image_path.clear();
  record.image_driver.clear();
  record.create_time_ns = 0;
  record.revision = 0;
  return record;
}

class Clone {
 public:
  Clone(const v1::CloneDistroRequest& request, const RegistryEntry& source, DistroRecord record, OperationDeps deps,
        OperationContext& context)
      : request_(request), source_(source), record_(std::move(record)), deps_(deps), context_(context) {}

  absl::StatusOr<v1::OperationResponse> Run() {
    context_.BeginPhase(v1::PROGRESS_PHASE_PREPARE);
    RETURN_IF_ERROR(deps_.instances.EnsureStopped(source_, request_.terminate()));
    absl::Status status = Fill();
    if (status.ok()) status = Failpoint("clone.register");
    if (status.ok()) status = Register();
    if (!status.ok()) {
      context_.BeginPhase(v1::PROGRESS_PHASE_ROLL_BACK);
      deps_.registry.RemoveStaging(record_.id);
      return status;
    }
    ASSIGN_OR_RETURN(const RegistryEntry entry, deps_.registry.Find(record_.id));
    v1::OperationResponse response;
    *response.mutable_distro() = deps_.views.AfterOperation(entry);
    return response;
  }

 private:
  absl::Status Fill() {
    FormPlan form = {.version = record_.version,
                     .folder = {},
                     .second_owner = record_.second_owner,
                     .name = record_.name,
                     .disk_size = request_.disk_size()};
    ASSIGN_OR_RETURN(form.folder, deps_.registry.MakeStaging(record_.id));
    if (!record_.location.empty()) {
      ASSIGN_OR_RETURN(record_.made_location, deps_.registry.StageLocation(record_.id, record_.location));
      form.folder = record_.location;
    }
    return CopyVerified(source_, form, deps_.log, context_);
  }

  absl::Status Register() {
    context_.BeginPhase(v1::PROGRESS_PHASE_COMMIT);
    record_.create_time_ns = absl::ToUnixNanos(absl::Now());
    RETURN_IF_ERROR(context_.PassPointOfNoReturn());
    return deps_.registry.Publish(record_);
  }

  const v1::CloneDistroRequest& request_;
  const RegistryEntry& source_;
  DistroRecord record_;
  const OperationDeps deps_;
  OperationContext& context_;
};

}  // namespace

absl::StatusOr<OperationPlan> PlanClone(const v1::CloneDistroRequest& request, const std::string& operation_id,
                                        OperationDeps deps) {
  OperationPlan plan;
  const DistroLocks::Holder maker = {operation_id, v1::OPERATION_KIND_CLONE, /*makes=*/true};
  RETURN_IF_ERROR(HoldNewName(request.name(), maker, deps, plan));
  ASSIGN_OR_RETURN(const RegistryEntry source, HoldDistro(request.distro(), {operation_id, v1::OPERATION_KIND_CLONE},
                                                          request.terminate(), deps, plan));
  ASSIGN_OR_RETURN(const DistroRecord record, RecordOf(request, source.record));
  RETURN_IF_ERROR(HoldNewDistro(record, maker, deps, plan));
  plan.work = [deps, request, source, record](OperationContext& context) {
    return Clone(request, source, record, deps, context).Run();
  };
  return plan;
}

}  // namespace wslm::daemon
