#include "daemon/operations/convert.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "daemon/operations/distro_forms.h"
#include "daemon/operations/held_distro.h"
#include "daemon/operations/verified_copy.h"
#include "distros/host/error.h"
#include "distros/host/failpoint.h"
#include "distros/host/files.h"
#include "distros/host/invalid.h"
#include "distros/host/random_id.h"
#include "distros/host/remove_tree.h"
#include "distros/host/status_macros.h"

namespace wslm::daemon {
namespace {

// Below the files folder; the registry knows names that begin so as wslm's own.
constexpr char kWorkFolder[] = ".wslm-convert";
constexpr char kAsidePrefix[] = ".wslm-old-";
constexpr size_t kAsideBytes = 4;

std::string Work(const RegistryEntry& entry) { return absl::StrCat(entry.files_folder(), "/", kWorkFolder); }

bool HasForm(const std::string& folder, int version) {
  return PathExists(absl::StrCat(folder, "/", version == 2 ? kImageFile : kRootFolder));
}

// Moves a form's files from folder to folder. The side store goes before the root, so that there is never a root
// without it where the form counts.
absl::Status MoveForm(const std::string& from, const std::string& to, int version) {
  std::vector<std::string> names;
  if (version == 2) {
    names = {kImageFile};
  } else {
    names.assign(std::begin(kSideStoreFiles), std::end(kSideStoreFiles));
    names.push_back(kRootFolder);
  }
  for (const auto& name : names) {
    const std::string source = absl::StrCat(from, "/", name);
    const std::string target = absl::StrCat(to, "/", name);
    if (!PathExists(source)) continue;
    RETURN_IF_ERROR(Failpoint("convert.move"));
    if (::renameat2(AT_FDCWD, source.c_str(), AT_FDCWD, target.c_str(), RENAME_NOREPLACE) != 0) {
      return ErrnoError("cannot make", target);
    }
  }
  return SyncFolder(to);
}

absl::Status RemoveOtherForm(const RegistryEntry& entry) {
  ASSIGN_OR_RETURN(const std::string folder, SetAsideOtherForm(entry));
  if (folder.empty()) return absl::OkStatus();
  RETURN_IF_ERROR(Failpoint("convert.remove"));
  return RemoveTree(folder);
}

class Convert {
 public:
  Convert(RegistryEntry entry, v1::ConvertDistroRequest request, OperationDeps deps, OperationContext& context)
      : entry_(std::move(entry)),
        request_(std::move(request)),
        version_(static_cast<int>(request_.version())),
        deps_(deps),
        context_(context) {}

  absl::StatusOr<v1::OperationResponse> Run() {
    context_.BeginPhase(v1::PROGRESS_PHASE_PREPARE);
    RETURN_IF_ERROR(deps_.instances.EnsureStopped(entry_, request_.terminate()));
    absl::Status status = MakeNewForm();
    if (status.ok()) status = WithFreeSpace(Commit(), entry_.files_folder(), 0);
    if (!status.ok()) {
      context_.BeginPhase(v1::PROGRESS_PHASE_ROLL_BACK);
      RollBack();
      return status;
    }
    context_.BeginPhase(v1::PROGRESS_PHASE_CLEAN);
    ASSIGN_OR_RETURN(const RegistryEntry entry, deps_.registry.Find(entry_.record.id));
    // The distro is converted already; what can't be removed now is removed at the next start.
    if (const auto removal = RemoveOtherForm(entry); !removal.ok()) {
      context_.Warn(absl::StrCat("The old files could not be removed: ", removal.message()));
    }
    v1::OperationResponse response;
    *response.mutable_distro() = deps_.views.AfterOperation(entry);
    return response;
  }

 private:
  absl::Status MakeNewForm() {
    const std::string work = Work(entry_);
    // Of an earlier try, whose removal failed.
    RETURN_IF_ERROR(RemoveOtherForm(entry_));
    RETURN_IF_ERROR(Failpoint("convert.begin"));
    RETURN_IF_ERROR(MakeFolders(work));
    const FormPlan form = {.version = version_,
                           .folder = work,
                           .second_owner = entry_.record.second_owner,
                           .name = entry_.record.name,
                           .disk_size = request_.disk_size()};
    return CopyVerified(entry_, form, deps_.log, context_);
  }

  absl::Status Commit() {
    context_.BeginPhase(v1::PROGRESS_PHASE_COMMIT);
    RETURN_IF_ERROR(context_.PassPointOfNoReturn());
    RETURN_IF_ERROR(MoveForm(Work(entry_), entry_.files_folder(), version_));
    DistroRecord record = entry_.record;
    record.version = version_;
    // An image in place stays where it is, and is the user's alone again.
    record.image_path.clear();
    record.image_driver.clear();
    const absl::Status status = deps_.registry.Update(record).status();
    if (status.ok()) return status;
    // The record may have been written all the same.
    const auto now = deps_.registry.Find(record.id);
    return now.ok() && now->record.version == version_ ? absl::OkStatus() : status;
  }

  void RollBack() {
    const auto entry = deps_.registry.Find(entry_.record.id);
    const absl::Status status = entry.ok() ? RemoveOtherForm(*entry) : entry.status();
    if (!status.ok()) deps_.log.Error(absl::StrCat("cannot roll the conversion back: ", status.message()));
  }

  const RegistryEntry entry_;
  const v1::ConvertDistroRequest request_;
  const int version_;
  const OperationDeps deps_;
  OperationContext& context_;
};

}  // namespace

absl::StatusOr<std::string> SetAsideOtherForm(const RegistryEntry& entry) {
  if (!entry.broken_reason.empty()) return "";
  const std::string files = entry.files_folder();
  const int other = entry.record.version == 2 ? 1 : 2;
  const bool has_work = PathExists(Work(entry));
  // A side store alone is what is left of an lxfs form between two renames.
  const bool has_other =
      HasForm(files, other) || (other == 1 && PathExists(absl::StrCat(files, "/", kSideStoreFiles[0])));
  const bool has_own =
      entry.record.image_path.empty() ? HasForm(files, entry.record.version) : PathExists(entry.image());
  const bool take_other = has_other && has_own;
  if (!has_work && !take_other) return "";
  const std::string aside = absl::StrCat(files, "/", kAsidePrefix, RandomHex(kAsideBytes));
  RETURN_IF_ERROR(Failpoint("convert.aside"));
  RETURN_IF_ERROR(MakeFolders(aside));
  RETURN_IF_ERROR(Failpoint("convert.aside_made"));
  if (has_work && ::rename(Work(entry).c_str(), absl::StrCat(aside, "/work").c_str()) != 0) {
    return ErrnoError("cannot put aside", Work(entry));
  }
  if (take_other) RETURN_IF_ERROR(MoveForm(files, aside, other));
  RETURN_IF_ERROR(SyncFolder(files));
  return aside;
}

std::vector<std::string> FoldersSetAside(const RegistryEntry& entry) {
  std::vector<std::string> folders;
  std::error_code error;
  for (const auto& file : std::filesystem::directory_iterator(entry.files_folder(), error)) {
    const std::string name = file.path().filename();
    if (absl::StartsWith(name, kAsidePrefix)) folders.push_back(file.path());
  }
  return folders;
}

absl::StatusOr<OperationPlan> PlanConvert(const v1::ConvertDistroRequest& request, const std::string& operation_id,
                                          OperationDeps deps) {
  if (request.version() != v1::DISTRO_VERSION_1 && request.version() != v1::DISTRO_VERSION_2) {
    return Invalid("version", "The version must be 1 or 2.");
  }
  const int version = static_cast<int>(request.version());
  const auto check = [&](const RegistryEntry& entry) -> absl::Status {
    if (entry.record.version != version) return CheckDiskSize(version, request.disk_size());
    return Error(absl::StatusCode::kFailedPrecondition, reason::kAlreadyThisVersion,
                 absl::StrCat("The distro '", entry.record.name, "' is version ", version, " already."),
                 {{"distro", entry.record.name}, {"version", absl::StrCat(version)}});
  };
  OperationPlan plan;
  ASSIGN_OR_RETURN(const RegistryEntry entry, HoldDistro(request.distro(), {operation_id, v1::OPERATION_KIND_CONVERT},
                                                         request.terminate(), deps, plan, check));
  plan.work = [deps, entry, request](OperationContext& context) {
    return Convert(entry, request, deps, context).Run();
  };
  return plan;
}

}  // namespace wslm::daemon
