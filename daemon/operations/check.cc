#include "daemon/operations/check.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/operations/distro_forms.h"
#include "daemon/operations/held_distro.h"
#include "distros/ext4/ext4.h"
#include "distros/ext4/resize.h"
#include "distros/host/error.h"
#include "distros/host/failpoint.h"
#include "distros/host/image_lock.h"
#include "distros/host/status_macros.h"
#include "distros/lxfs/check.h"

namespace wslm::daemon {
namespace {

class Check {
 public:
  Check(RegistryEntry entry, bool repair, bool terminate, OperationDeps deps, OperationContext& context)
      : entry_(std::move(entry)), repair_(repair), terminate_(terminate), deps_(deps), context_(context) {}

  absl::StatusOr<v1::OperationResponse> Run() {
    context_.BeginPhase(v1::PROGRESS_PHASE_PREPARE);
    RETURN_IF_ERROR(deps_.instances.EnsureStopped(entry_, terminate_));
    context_.BeginPhase(v1::PROGRESS_PHASE_VERIFY);
    RETURN_IF_ERROR(entry_.record.version == 2 ? CheckImage() : CheckFolder());
    if (repair_) RETURN_IF_ERROR(Failpoint("check.repaired"));
    return response_;
  }

 private:
  absl::Status CheckImage() {
    RETURN_IF_ERROR(CheckHasRawDisk(entry_, "checked"));
    const std::string image = entry_.image();
    ASSIGN_OR_RETURN(const UniqueFd lock, LockImage(image));
    const absl::Status status = CheckExt4(image, context_.cancel_flag());
    if (ReasonOf(status) != reason::kVerificationFailed) return status;
    if (!repair_) return Found("", std::string(status.message()), false);
    RETURN_IF_ERROR(Failpoint("check.repair"));
    ASSIGN_OR_RETURN(const RepairReport repair, RepairExt4(image, context_.cancel_flag()));
    return Found("", repair.report, repair.repaired);
  }

  absl::Status CheckFolder() {
    ASSIGN_OR_RETURN(
        const LxfsReport report,
        CheckLxfs(entry_.files_folder(), entry_.record.second_owner,
                  {.repair = repair_, .cancel = context_.cancel_flag(), .progress = [this](int64_t entries) {
                     context_.Progress(entries, 0, "");
                   }}));
    for (const LxfsFinding& finding : report.findings) {
      RETURN_IF_ERROR(Found(finding.path, finding.what, finding.repaired));
    }
    auto& result = *response_.mutable_check();
    result.set_count(report.totals.findings);
    result.set_repaired(report.totals.repaired);
    if (!report.saved_store.empty()) {
      context_.Warn(absl::StrCat("What was recorded before the repair is kept in ", Escaped(report.saved_store), "."));
    }
    return absl::OkStatus();
  }

  absl::Status Found(const std::string& path, const std::string& sentence, bool repaired) {
    constexpr int kMostFindings = 1000;
    auto& result = *response_.mutable_check();
    result.set_count(result.count() + 1);
    if (repaired) result.set_repaired(result.repaired() + 1);
    if (result.findings_size() == kMostFindings) return absl::OkStatus();
    auto& finding = *result.add_findings();
    finding.set_path(Escaped(path));
    finding.set_sentence(Escaped(sentence));
    finding.set_repaired(repaired);
    return absl::OkStatus();
  }

  const RegistryEntry entry_;
  const bool repair_;
  const bool terminate_;
  const OperationDeps deps_;
  OperationContext& context_;
  v1::OperationResponse response_;
};

}  // namespace

absl::StatusOr<OperationPlan> PlanCheck(const v1::CheckDistroRequest& request, const std::string& operation_id,
                                        OperationDeps deps) {
  OperationPlan plan;
  ASSIGN_OR_RETURN(const RegistryEntry entry, HoldDistro(request.distro(), {operation_id, v1::OPERATION_KIND_CHECK},
                                                         request.terminate(), deps, plan));
  plan.work = [deps, entry, request](OperationContext& context) {
    return Check(entry, request.repair(), request.terminate(), deps, context).Run();
  };
  return plan;
}

}  // namespace wslm::daemon
