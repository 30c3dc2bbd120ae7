#include "daemon/operations/push.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "daemon/operations/distro_forms.h"
#include "daemon/operations/held_distro.h"
#include "daemon/operations/registry_access.h"
#include "distros/host/error.h"
#include "distros/host/files.h"
#include "distros/host/remove_tree.h"
#include "distros/host/status_macros.h"
#include "distros/oci/registry/push.h"
#include "distros/oci/registry/reference.h"
#include "distros/tree/transfer.h"

namespace wslm::daemon {
namespace {

// In the distro's folder; the registry knows names that begin so as wslm's own.
constexpr char kWorkFolder[] = ".wslm-push";

absl::StatusOr<v1::OperationResponse> Push(const v1::PushDistroRequest& request,
                                           const oci::registry::ImageReference& image, const RegistryEntry& entry,
                                           const std::string& work, OperationDeps deps, OperationContext& context,
                                           int64_t& needed) {
  ASSIGN_OR_RETURN(const auto options, RegistryOptionsOf(request.access(), context));
  context.BeginPhase(v1::PROGRESS_PHASE_PREPARE);
  RETURN_IF_ERROR(oci::registry::CheckPush(image, options));
  RETURN_IF_ERROR(deps.instances.EnsureStopped(entry, request.terminate()));
  TransferResult packed;
  {
    ASSIGN_OR_RETURN(const OpenedSource opened, OpenDistro(entry, context.cancel_flag()));
    needed = opened.source->total();
    OciExport config = OciExportOf(entry.record);
    config.ref_name = image.ToString();
    ASSIGN_OR_RETURN(const auto sink, CreateOciSink(work, config));
    context.BeginPhase(v1::PROGRESS_PHASE_COPY);
    ASSIGN_OR_RETURN(packed, Transfer(*opened.source, *sink, context.Transferring()));
  }
  for (const auto& warning : packed.warnings) context.Warn(warning);
  context.BeginPhase(v1::PROGRESS_PHASE_SEND);
  ASSIGN_OR_RETURN(const auto pushed, oci::registry::PushImage(work, image, options));
  v1::OperationResponse response;
  auto& result = *response.mutable_push();
  result.set_reference(image.ToString());
  result.set_digest(pushed.manifest_digest);
  for (const auto& loss : packed.losses) result.add_losses(Escaped(loss));
  return response;
}

}  // namespace

std::string PushFolder(const RegistryEntry& entry) { return absl::StrCat(entry.files_folder(), "/", kWorkFolder); }

OciExport OciExportOf(const DistroRecord& record) {
  OciExport config;
  config.env = record.container.environment;
  config.user = record.default_user.empty() ? record.container.user : record.default_user;
  config.working_dir = record.container.working_dir;
  config.entrypoint = record.container.entrypoint;
  config.cmd = record.container.cmd;
  config.labels = record.container.labels;
  config.exposed_ports = record.container.exposed_ports;
  config.stop_signal = record.container.stop_signal;
  if (config.entrypoint.empty() && config.cmd.empty()) config.cmd = {"/bin/sh"};
  config.created = absl::FormatTime(absl::RFC3339_sec, absl::Now(), absl::UTCTimeZone());
  return config;
}

absl::StatusOr<OperationPlan> PlanPush(const v1::PushDistroRequest& request, const std::string& operation_id,
                                       OperationDeps deps) {
  ASSIGN_OR_RETURN(const auto image, oci::registry::ParseReference(request.image()));
  OperationPlan plan;
  ASSIGN_OR_RETURN(const RegistryEntry entry, HoldDistro(request.distro(), {operation_id, v1::OPERATION_KIND_PUSH},
                                                         request.terminate(), deps, plan));
  plan.work = [deps, request, image, entry](OperationContext& context) -> absl::StatusOr<v1::OperationResponse> {
    const std::string work = PushFolder(entry);
    // Of a daemon that died.
    RETURN_IF_ERROR(RemoveTree(work));
    // At most, since it is compressed.
    int64_t needed = 0;
    auto response = Push(request, image, entry, work, deps, context, needed);
    if (const auto removal = RemoveTree(work); !removal.ok()) {
      deps.log.Error(absl::StrCat("cannot remove ", work, ": ", removal.message()));
    }
    if (!response.ok()) return WithFreeSpace(response.status(), entry.files_folder(), needed);
    return response;
  };
  return plan;
}

}  // namespace wslm::daemon
