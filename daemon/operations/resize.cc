#include "daemon/operations/resize.h"

#include <sys/stat.h>

#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "daemon/operations/distro_forms.h"
#include "daemon/operations/held_distro.h"
#include "distros/ext4/resize.h"
#include "distros/host/error.h"
#include "distros/host/files.h"
#include "distros/host/image_lock.h"
#include "distros/host/invalid.h"
#include "distros/host/status_macros.h"

namespace wslm::daemon {
namespace {

constexpr int64_t kBlockSize = 4096;

// An image in place may be called by a link, which shall go on leading to it.
std::string ImageOf(const RegistryEntry& entry) {
  std::error_code error;
  const auto real = std::filesystem::canonical(entry.image(), error);
  return error ? entry.image() : real.string();
}

// A size that can't be, in the words of whoever asked for it.
absl::Status Explained(const absl::Status& status, const DistroRecord& record, int64_t asked) {
  const ErrorMetadata metadata = MetadataOf(status);
  if (ReasonOf(status) == reason::kCorruptSource) {
    return Error(
        status.code(), reason::kCorruptSource,
        absl::StrCat("The file system of '", record.name, "' has errors; its size stays as it is. 'wslm check ",
                     record.name, " --repair' mends it."),
        metadata);
  }
  const auto minimum = metadata.find("minimum_bytes");
  int64_t bytes = 0;
  if (minimum == metadata.end() || !absl::SimpleAtoi(minimum->second, &bytes)) return status;
  return Error(status.code(), reason::kInvalidArgument,
               absl::StrCat("What '", record.name, "' holds does not fit into ", HumanSize(asked), ": at least ",
                            HumanSize(bytes), " (", bytes, " bytes) are needed."),
               {{"field", "disk_size"}, {"distro", record.name}, {"minimum_bytes", minimum->second}});
}

v1::ProgressPhase PhaseOf(ResizeStep step) {
  switch (step) {
    case ResizeStep::kCopy:
      return v1::PROGRESS_PHASE_COPY;
    case ResizeStep::kResize:
      return v1::PROGRESS_PHASE_RESIZE;
    default:
      return v1::PROGRESS_PHASE_VERIFY;
  }
}

// A disk that is made larger while its distro runs needs nobody to leave. One that has the size already may have been
// left so before its file system grew.
bool GrowsWhileRunning(const RegistryEntry& entry, int64_t size, OperationDeps deps) {
  struct stat st {};
  return deps.instances.StateOf(entry.record.id) == v1::DISTRO_STATE_RUNNING &&
         ::stat(ImageOf(entry).c_str(), &st) == 0 && size / kBlockSize * kBlockSize >= st.st_size;
}

absl::StatusOr<v1::OperationResponse> Resize(const RegistryEntry& entry, const v1::ResizeDistroRequest& request,
                                             OperationDeps deps, OperationContext& context) {
  context.BeginPhase(v1::PROGRESS_PHASE_PREPARE);
  v1::OperationResponse response;
  if (GrowsWhileRunning(entry, request.disk_size(), deps)) {
    context.BeginPhase(v1::PROGRESS_PHASE_RESIZE);
    ASSIGN_OR_RETURN(const bool grown,
                     deps.instances.GrowRunning(entry.record.id, request.disk_size() / kBlockSize * kBlockSize));
    if (grown) {
      *response.mutable_distro() = deps.views.AfterOperation(entry);
      return response;
    }
  }
  RETURN_IF_ERROR(deps.instances.EnsureStopped(entry, request.terminate()));
  const std::string image = ImageOf(entry);
  ASSIGN_OR_RETURN(const UniqueFd lock, LockImage(image));
  const ResizeOptions options = {.cancel = context.cancel_flag(),
                                 .step = [&](ResizeStep step) { context.BeginPhase(PhaseOf(step)); },
                                 .progress = [&](int64_t done, int64_t total) { context.Progress(done, total, ""); },
                                 .commit = [&] { return context.PassPointOfNoReturn(); }};
  RETURN_IF_ERROR(Explained(ResizeExt4(image, request.disk_size(), options), entry.record, request.disk_size()));
  *response.mutable_distro() = deps.views.AfterOperation(entry);
  return response;
}

}  // namespace

absl::StatusOr<bool> RecoverResize(const JournalRecord& record, const RegistryEntry& entry) {
  v1::ResizeDistroRequest request;
  struct stat st {};
  const std::string image = ImageOf(entry);
  RETURN_IF_ERROR(RemoveResizeLeftovers(image));
  if (!request.ParseFromString(record.request_body()) || ::stat(image.c_str(), &st) != 0) return false;
  if (st.st_size != request.disk_size() / kBlockSize * kBlockSize) return false;
  const auto file_system = Ext4Size(image);
  return file_system.ok() && *file_system == st.st_size;
}

absl::StatusOr<OperationPlan> PlanResize(const v1::ResizeDistroRequest& request, const std::string& operation_id,
                                         OperationDeps deps) {
  const auto check = [&](const RegistryEntry& entry) -> absl::Status {
    RETURN_IF_ERROR(CheckHasRawDisk(entry, "resized"));
    if (request.disk_size() != 0) return CheckDiskSize(entry.record.version, request.disk_size());
    return Invalid("disk_size", "The new size is missing.");
  };
  OperationPlan plan;
  ASSIGN_OR_RETURN(const RegistryEntry found, deps.registry.Find(request.distro()));
  const bool may_run = request.terminate() || GrowsWhileRunning(found, request.disk_size(), deps);
  ASSIGN_OR_RETURN(const RegistryEntry entry,
                   HoldDistro(request.distro(), {operation_id, v1::OPERATION_KIND_RESIZE}, may_run, deps, plan, check));
  plan.work = [deps, entry, request](OperationContext& context) { return Resize(entry, request, deps, context); };
  return plan;
}

}  // namespace wslm::daemon
