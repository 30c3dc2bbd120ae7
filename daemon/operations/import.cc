#include "daemon/operations/import.h"

#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "daemon/operations/distro_forms.h"
#include "daemon/operations/held_distro.h"
#include "daemon/operations/host_source.h"
#include "daemon/operations/new_user.h"
#include "daemon/operations/registry_access.h"
#include "distros/disk/adoption.h"
#include "distros/host/byte_stream.h"
#include "distros/host/error.h"
#include "distros/host/failpoint.h"
#include "distros/host/files.h"
#include "distros/host/invalid.h"
#include "distros/host/random_id.h"
#include "distros/host/remove_tree.h"
#include "distros/host/status_macros.h"
#include "distros/oci/registry/pull.h"
#include "distros/oci/registry/reference.h"
#include "distros/registry/image_facts.h"
#include "distros/tree/transfer.h"

namespace wslm::daemon {
namespace {

// In the staging folder, while a container image is fetched and read.
constexpr char kPulledFolder[] = "image";

// A container image in a registry.
struct Pull {
  oci::registry::ImageReference image;
  v1::RegistryAccess access;
  std::string platform;
};

// Everything an import was asked for, checked.
struct ImportPlan {
  DistroRecord record;
  std::string host_path;
  std::optional<Upload> upload;
  std::optional<Pull> pull;
  // Of an archive with several container images the one.
  std::string image;
  std::optional<NewUser> user;
  Limits limits;
  // Of version 2; 0: the default.
  int64_t disk_size = 0;
};

class Import {
 public:
  Import(ImportPlan plan, OperationDeps deps, OperationContext& context)
      : plan_(std::move(plan)), deps_(deps), context_(context), record_(plan_.record) {}

  absl::StatusOr<v1::OperationResponse> Run() {
    context_.BeginPhase(v1::PROGRESS_PHASE_PREPARE);
    auto pipe = plan_.upload ? plan_.upload->pipe : nullptr;
    if (pipe != nullptr) context_.OnCancel([this, pipe] { pipe->CloseReader(context_.CheckCancelled()); });
    absl::Status status = record_.image_path.empty() ? Fill() : Adopt();
    status = WithFreeSpace(status, ParentPath(folder_), size_);
    // An upload that is read no more must not wait for a reader; what follows an archive's end is of no interest.
    if (pipe != nullptr) {
      context_.OnCancel(nullptr);
      pipe->CloseReader(status);
    }
    if (status.ok()) status = Failpoint("import.register");
    if (status.ok()) status = Register();
    if (!status.ok()) {
      context_.BeginPhase(v1::PROGRESS_PHASE_ROLL_BACK);
      deps_.registry.RemoveStaging(record_.id);
      return status;
    }
    if (plan_.user) {
      if (status = AddUser(); !status.ok()) {
        context_.BeginPhase(v1::PROGRESS_PHASE_ROLL_BACK);
        return RemoveAgain(status);
      }
    }
    ASSIGN_OR_RETURN(const RegistryEntry entry, deps_.registry.Find(record_.id));
    v1::OperationResponse response;
    *response.mutable_distro() = deps_.views.AfterOperation(entry);
    return response;
  }

 private:
  absl::StatusOr<HostSource> OpenSource(const std::string& staging) {
    HostSourceOptions options = {
        .scratch = staging, .image = plan_.image, .limits = plan_.limits, .cancel = context_.cancel_flag()};
    if (plan_.upload) {
      return OpenStreamSource(PipeSource(plan_.upload->pipe, plan_.upload->size), "the upload", options);
    }
    if (!plan_.pull) return OpenHostSource(plan_.host_path, options);
    ASSIGN_OR_RETURN(auto access, RegistryOptionsOf(plan_.pull->access, context_));
    options.platform = plan_.pull->platform;
    if (!plan_.pull->platform.empty()) {
      ASSIGN_OR_RETURN(access.platform, ParsePlatform(plan_.pull->platform));
    }
    context_.BeginPhase(v1::PROGRESS_PHASE_FETCH);
    const std::string folder = absl::StrCat(staging, "/", kPulledFolder);
    RETURN_IF_ERROR(oci::registry::PullImage(plan_.pull->image, folder, access).status());
    return OpenHostSource(folder, options);
  }

  // Makes the distro's form in staging, or in its location.
  absl::Status Fill() {
    ASSIGN_OR_RETURN(const std::string staging, deps_.registry.MakeStaging(record_.id));
    folder_ = staging;
    ASSIGN_OR_RETURN(HostSource opened, OpenSource(staging));
    size_ = opened.size;
    if (!record_.location.empty()) {
      ASSIGN_OR_RETURN(record_.made_location, deps_.registry.StageLocation(record_.id, record_.location));
      folder_ = record_.location;
    }
    // What is packed takes at least its own size unpacked.
    if (size_ > 0) RETURN_IF_ERROR(CheckFreeSpace(ParentPath(folder_), size_));
    const FormPlan form = {.version = record_.version,
                           .folder = folder_,
                           .second_owner = record_.second_owner,
                           .name = record_.name,
                           .disk_size = plan_.disk_size};
    ASSIGN_OR_RETURN(std::unique_ptr<Sink> sink, CreateForm(form, context_.cancel_flag()));
    FactsFilter facts_filter(*sink);
    context_.BeginPhase(v1::PROGRESS_PHASE_COPY);
    TransferOptions options = context_.Transferring();
    options.limits = plan_.limits;
    if (plan_.upload) {
      options.interrupt_source = [pipe = plan_.upload->pipe](const absl::Status& why) { pipe->CloseReader(why); };
    }
    ASSIGN_OR_RETURN(options.limits->free_bytes, FreeSpace(ParentPath(folder_)));
    ASSIGN_OR_RETURN(const TransferResult result, Transfer(*opened.source, facts_filter, options));
    opened.source.reset();
    RETURN_IF_ERROR(RemoveTree(absl::StrCat(staging, "/", kPulledFolder)));
    const ImageFacts facts = facts_filter.facts();
    if (opened.config) Apply(*opened.config, facts);
    for (const auto& warning : result.warnings) context_.Warn(warning);
    for (const auto& loss : result.losses) context_.Warn(absl::StrCat("not kept: ", loss));
    TakeFacts(facts);
    return absl::OkStatus();
  }

  // Takes the image where it lies.
  absl::Status Adopt() {
    ASSIGN_OR_RETURN(folder_, deps_.registry.MakeStaging(record_.id));
    context_.BeginPhase(v1::PROGRESS_PHASE_VERIFY);
    ASSIGN_OR_RETURN(const AdoptFacts facts, InspectForAdoption(record_.image_path));
    record_.image_driver = facts.qemu_driver;
    if (facts.needs_check) {
      context_.Warn(absl::StrCat("The file system in it was not unmounted; 'wslm check ", record_.name,
                                 "' looks at it, 'wslm check --repair' mends it."));
    }
    // What can't be read before it is mended is no reason to refuse it.
    if (facts.needs_check && !facts.image.has_shell && !facts.image.has_os_release) return absl::OkStatus();
    TakeFacts(facts.image);
    return absl::OkStatus();
  }

  void Apply(const ImageConfig& config, const ImageFacts& facts) {
    ContainerConfig& container = record_.container;
    container = {.environment = config.env,
                 .working_dir = config.working_dir,
                 .entrypoint = config.entrypoint,
                 .cmd = config.cmd,
                 .user = config.user,
                 .stop_signal = config.stop_signal,
                 .exposed_ports = config.exposed_ports,
                 .labels = config.labels};
    std::string user = config.user.substr(0, config.user.find(':'));
    if (plan_.user || user.empty()) return;
    if (user.find_first_not_of("0123456789") == std::string::npos) {
      uint32_t uid = 0;
      std::optional<std::string> name;
      if (absl::SimpleAtoi(user, &uid)) name = uid == 0 ? "root" : AccountNameOf(facts.passwd, uid);
      if (!name) {
        context_.Warn(absl::StrCat("The image wants to run as user ", Escaped(user.substr(0, 32)),
                                   ", who has no account in it; root logs in instead."));
        return;
      }
      user = *std::move(name);
    }
    if (user != "root") record_.default_user = user;
  }

  void TakeFacts(const ImageFacts& facts) {
    if (!facts.has_shell && !facts.has_os_release) {
      context_.Warn(
          "This may be no Linux distribution: there is neither /bin/sh nor /etc/os-release in it, and only commands "
          "without a shell (-e) can be run. The archive's root must be the distro's root folder.");
      return;
    }
    if (!facts.has_shell) context_.Warn("The distro has no /bin/sh; only commands without a shell (-e) can be run.");
    if (!facts.has_os_release) context_.Warn("The distro has no /etc/os-release; its kind is not known.");
    record_.flavor = Escaped(facts.flavor);
    record_.os_version = Escaped(facts.os_version);
  }

  absl::Status Register() {
    context_.BeginPhase(v1::PROGRESS_PHASE_COMMIT);
    record_.create_time_ns = absl::ToUnixNanos(absl::Now());
    if (plan_.user) {
      RETURN_IF_ERROR(context_.NoteUndoRegistration());
      RETURN_IF_ERROR(context_.CheckCancelled());
    } else {
      RETURN_IF_ERROR(context_.PassPointOfNoReturn());
    }
    return deps_.registry.Publish(record_);
  }

  absl::Status AddUser() {
    ASSIGN_OR_RETURN(const RegistryEntry entry, deps_.registry.Find(record_.id));
    ASSIGN_OR_RETURN(const InstanceUse use, deps_.instances.Acquire(entry, {.operation_id = context_.id()}));
    RETURN_IF_ERROR(MakeUser(*use.channel(), record_.id, *plan_.user, [this] { return context_.CheckCancelled(); }));
    RETURN_IF_ERROR(context_.PassPointOfNoReturn());
    DistroRecord record = entry.record;
    record.default_user = plan_.user->name;
    return deps_.registry.Update(record).status();
  }

  absl::Status RemoveAgain(const absl::Status& status) {
    if (const auto stop = deps_.instances.Stop(record_.id, absl::Seconds(2)); !stop.ok()) {
      deps_.log.Error(absl::StrCat("cannot stop ", record_.name, ": ", stop.message()));
    }
    if (const auto removal = deps_.registry.Remove(record_.id, /*purge=*/true); !removal.ok()) {
      deps_.log.Error(absl::StrCat("cannot remove ", record_.name, " again: ", removal.status().message()));
    }
    deps_.instances.Forget(record_.id);
    return status;
  }

  const ImportPlan plan_;
  const OperationDeps deps_;
  OperationContext& context_;
  DistroRecord record_;
  // Of the archive; 0 when unknown.
  int64_t size_ = 0;
  // That the distro's form is made in.
  std::string folder_;
};

// What all kinds of import are asked for.
template <class Request>
ImportPlan BeginPlan(const Request& request) {
  ImportPlan plan;
  plan.record.id = NewUuid();
  plan.record.name = request.name();
  plan.record.isolated = request.isolated();
  return plan;
}

// What those are asked for that make a form of their own.
template <class Request>
absl::StatusOr<ImportPlan> CheckForm(const Request& request) {
  ImportPlan plan = BeginPlan(request);
  DistroRecord& record = plan.record;
  switch (request.version()) {
    case v1::DISTRO_VERSION_UNSPECIFIED:
    case v1::DISTRO_VERSION_1:
      record.version = 1;
      break;
    case v1::DISTRO_VERSION_2:
      record.version = 2;
      break;
    default:
      return Invalid("version", "The version must be 1 or 2.");
  }
  RETURN_IF_ERROR(CheckDiskSize(record.version, request.disk_size()));
  plan.disk_size = request.disk_size();
  if (!request.user().empty()) {
    ASSIGN_OR_RETURN(plan.user, ParseNewUser(request.user()));
    if (plan.user->uid && *plan.user->uid != 0) record.second_owner = {*plan.user->uid, *plan.user->uid};
  }
  if (!request.location().empty() && request.location()[0] != '/') {
    return Invalid("location", "The location must be an absolute path.");
  }
  record.location = request.location();
  ASSIGN_OR_RETURN(plan.limits, ParseLimits({request.limits().begin(), request.limits().end()}));
  return plan;
}

absl::StatusOr<ImportPlan> Check(const v1::ImportDistroRequest& request, OperationDeps deps) {
  ASSIGN_OR_RETURN(ImportPlan plan, CheckForm(request));
  plan.image = request.image();
  switch (request.source_case()) {
    case v1::ImportDistroRequest::kHostPath:
      if (request.host_path().empty() || request.host_path()[0] != '/') {
        return Invalid("host_path", "The archive's path must be absolute.");
      }
      plan.host_path = request.host_path();
      return plan;
    case v1::ImportDistroRequest::kUploadId: {
      // Last: whoever claims it must use it.
      ASSIGN_OR_RETURN(plan.upload, deps.transfers.ClaimUpload(request.upload_id()));
      return plan;
    }
    default:
      return Invalid("source", "The archive to import is missing: host_path or upload_id must be set.");
  }
}

absl::StatusOr<ImportPlan> Check(const v1::PullDistroRequest& request, OperationDeps) {
  ASSIGN_OR_RETURN(ImportPlan plan, CheckForm(request));
  plan.pull = {.image = {}, .access = request.access(), .platform = request.platform()};
  ASSIGN_OR_RETURN(plan.pull->image, oci::registry::ParseReference(request.image()));
  if (!request.platform().empty()) RETURN_IF_ERROR(ParsePlatform(request.platform()).status());
  return plan;
}

absl::StatusOr<ImportPlan> Check(const v1::ImportInPlaceRequest& request, OperationDeps deps) {
  ImportPlan plan = BeginPlan(request);
  if (request.host_path().empty() || request.host_path()[0] != '/') {
    return Invalid("host_path", "The image's path must be absolute.");
  }
  plan.record.version = 2;
  plan.record.image_path = request.host_path();
  for (const RegistryEntry& other : deps.registry.List()) {
    if (other.record.image_path != request.host_path()) continue;
    return Error(absl::StatusCode::kAlreadyExists, reason::kFileExists,
                 absl::StrCat("The distro '", other.record.name, "' uses ", Escaped(request.host_path()), " already."),
                 {{"path", request.host_path()}, {"distro", other.record.name}});
  }
  return plan;
}

template <class Request>
absl::StatusOr<OperationPlan> Plan(v1::OperationKind kind, const Request& request, const std::string& operation_id,
                                   OperationDeps deps) {
  const DistroLocks::Holder holder = {operation_id, kind, /*makes=*/true};
  OperationPlan plan;
  RETURN_IF_ERROR(HoldNewName(request.name(), holder, deps, plan));
  ASSIGN_OR_RETURN(ImportPlan import_plan, Check(request, deps));
  RETURN_IF_ERROR(HoldNewDistro(import_plan.record, holder, deps, plan));
  plan.work = [deps, import_plan = std::make_shared<ImportPlan>(std::move(import_plan))](OperationContext& context) {
    return Import(*import_plan, deps, context).Run();
  };
  return plan;
}

}  // namespace

absl::StatusOr<OperationPlan> PlanImport(const v1::ImportDistroRequest& request, const std::string& operation_id,
                                         OperationDeps deps) {
  return Plan(v1::OPERATION_KIND_IMPORT, request, operation_id, deps);
}

absl::StatusOr<OperationPlan> PlanPull(const v1::PullDistroRequest& request, const std::string& operation_id,
                                       OperationDeps deps) {
  return Plan(v1::OPERATION_KIND_PULL, request, operation_id, deps);
}

absl::StatusOr<OperationPlan> PlanImportInPlace(const v1::ImportInPlaceRequest& request,
                                                const std::string& operation_id, OperationDeps deps) {
  return Plan(v1::OPERATION_KIND_IMPORT_IN_PLACE, request, operation_id, deps);
}

}  // namespace wslm::daemon
