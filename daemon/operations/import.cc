#include "daemon/operations/import.h"

#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "daemon/operations/distro_forms.h"
#include "daemon/operations/host_source.h"
#include "daemon/operations/new_user.h"
#include "distros/host/byte_stream.h"
#include "distros/host/error.h"
#include "distros/host/failpoint.h"
#include "distros/host/files.h"
#include "distros/host/random_id.h"
#include "distros/host/status_macros.h"
#include "distros/registry/image_facts.h"
#include "distros/tar/tar_source.h"
#include "distros/tree/transfer.h"

namespace wslm::daemon {
namespace {

absl::Status Invalid(std::string_view field, std::string_view sentence) {
  return Error(absl::StatusCode::kInvalidArgument, reason::kInvalidArgument, sentence, {{"field", std::string(field)}});
}

// Everything an import was asked for, checked.
struct ImportPlan {
  DistroRecord record;
  std::string host_path;
  std::optional<Upload> upload;
  std::optional<NewUser> user;
};

class Import {
 public:
  Import(ImportPlan plan, OperationDeps deps, OperationContext& context)
      : plan_(std::move(plan)), deps_(deps), context_(context), record_(plan_.record) {}

  absl::StatusOr<v1::OperationResponse> Run() {
    context_.BeginPhase(v1::PROGRESS_PHASE_PREPARE);
    auto pipe = plan_.upload ? plan_.upload->pipe : nullptr;
    if (pipe != nullptr) context_.OnCancel([this, pipe] { pipe->CloseReader(context_.CheckCancelled()); });
    absl::Status status = Fill();
    status = WithFreeSpace(status, ParentPath(folder_), 0);
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
  absl::StatusOr<std::unique_ptr<Source>> OpenSource() {
    if (plan_.upload) {
      size_ = plan_.upload->size;
      return OpenTarSource(PipeSource(plan_.upload->pipe, size_), "the upload");
    }
    ASSIGN_OR_RETURN(HostSource opened, OpenHostSource(plan_.host_path));
    size_ = opened.size;
    return std::move(opened.source);
  }

  // Makes the distro's form in staging, or in its location.
  absl::Status Fill() {
    ASSIGN_OR_RETURN(std::unique_ptr<Source> source, OpenSource());
    ASSIGN_OR_RETURN(folder_, deps_.registry.MakeStaging(record_.id));
    if (!record_.location.empty()) {
      ASSIGN_OR_RETURN(record_.made_location, deps_.registry.StageLocation(record_.id, record_.location));
      folder_ = record_.location;
    }
    // What is packed takes at least its own size unpacked.
    if (size_ > 0) RETURN_IF_ERROR(CheckFreeSpace(ParentPath(folder_), size_));
    ASSIGN_OR_RETURN(std::unique_ptr<Sink> sink,
                     CreateForm(record_.version, folder_, record_.second_owner, record_.name));
    FactsFilter facts_filter(*sink);
    context_.BeginPhase(v1::PROGRESS_PHASE_COPY);
    ASSIGN_OR_RETURN(const TransferResult result, Transfer(*source, facts_filter, context_.Transferring()));
    for (const auto& warning : result.warnings) context_.Warn(warning);
    for (const auto& loss : result.losses) context_.Warn(absl::StrCat("not kept: ", loss));
    return CheckFacts(facts_filter.facts());
  }

  absl::Status CheckFacts(const ImageFacts& facts) {
    if (!facts.has_shell && !facts.has_os_release) {
      return Error(absl::StatusCode::kInvalidArgument, reason::kNotADistro,
                   "The archive holds no Linux distribution: there is neither /bin/sh nor /etc/os-release in it. The "
                   "distro's root folder must be the archive's root.");
    }
    if (!facts.has_shell) context_.Warn("The distro has no /bin/sh; only commands without a shell (-e) can be run.");
    if (!facts.has_os_release) context_.Warn("The distro has no /etc/os-release; its kind is not known.");
    record_.flavor = Escaped(facts.flavor);
    record_.os_version = Escaped(facts.os_version);
    return absl::OkStatus();
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
      deps_.log.Error(absl::StrCat("cannot remove ", record_.name, " again: ", removal.message()));
    }
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

absl::StatusOr<ImportPlan> Check(const v1::ImportDistroRequest& request, OperationDeps deps) {
  ImportPlan plan;
  DistroRecord& record = plan.record;
  RETURN_IF_ERROR(CheckDistroName(request.name()));
  record.id = NewUuid();
  record.name = request.name();
  record.isolated = request.isolated();
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
  if (!request.user().empty()) {
    ASSIGN_OR_RETURN(plan.user, ParseNewUser(request.user()));
    if (plan.user->uid && *plan.user->uid != 0) record.second_owner = {*plan.user->uid, *plan.user->uid};
  }
  if (!request.location().empty() && request.location()[0] != '/') {
    return Invalid("location", "The location must be an absolute path.");
  }
  record.location = request.location();
  if (const auto other = deps.registry.Find(record.name); other.ok()) {
    return Error(
        absl::StatusCode::kAlreadyExists, reason::kDistroExists,
        absl::StrCat("There is a distro called '", other->record.name, "' already. Choose another name, or remove it ",
                     "with 'wslm unregister ", other->record.name, "'."),
        {{"distro", other->record.name}});
  }
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

}  // namespace

absl::StatusOr<OperationPlan> PlanImport(const v1::ImportDistroRequest& request, const std::string& operation_id,
                                         OperationDeps deps) {
  const DistroLocks::Holder holder = {operation_id, v1::OPERATION_KIND_IMPORT};
  OperationPlan plan;
  ASSIGN_OR_RETURN(auto name_lock, deps.locks.Take(DistroLocks::NameKey(request.name()), request.name(), holder));
  ASSIGN_OR_RETURN(ImportPlan import_plan, Check(request, deps));
  ASSIGN_OR_RETURN(auto id_lock, deps.locks.Take(import_plan.record.id, import_plan.record.name, holder));
  plan.locks.push_back(std::move(name_lock));
  plan.locks.push_back(std::move(id_lock));
  plan.distros.push_back(RefOf(import_plan.record));
  plan.after = [deps, id = import_plan.record.id] { deps.views.Publish(id, v1::CHANGE_KIND_CREATED); };
  plan.work = [deps, import_plan = std::make_shared<ImportPlan>(std::move(import_plan))](OperationContext& context) {
    return Import(*import_plan, deps, context).Run();
  };
  return plan;
}

}  // namespace wslm::daemon
