#include "daemon/operations/convert.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <memory>
#include <system_error>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "daemon/operations/distro_forms.h"
#include "distros/ext4/ext4.h"
#include "distros/host/error.h"
#include "distros/host/failpoint.h"
#include "distros/host/files.h"
#include "distros/host/random_id.h"
#include "distros/host/remove_tree.h"
#include "distros/host/status_macros.h"
#include "distros/lxfs/lxfs.h"
#include "distros/tree/transfer.h"

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
  Convert(RegistryEntry entry, int version, bool terminate, OperationDeps deps, OperationContext& context)
      : entry_(std::move(entry)), version_(version), terminate_(terminate), deps_(deps), context_(context) {}

  absl::StatusOr<v1::OperationResponse> Run() {
    context_.BeginPhase(v1::PROGRESS_PHASE_PREPARE);
    RETURN_IF_ERROR(deps_.instances.EnsureStopped(entry_, terminate_));
    absl::Status status = MakeNewForm();
    if (status.ok()) status = Commit();
    status = WithFreeSpace(status, entry_.files_folder(), size_);
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
    context_.BeginPhase(v1::PROGRESS_PHASE_COPY);
    ASSIGN_OR_RETURN(const OpenedSource old_form, OpenDistro(entry_, context_.cancel_flag()));
    size_ = old_form.source->total();
    RETURN_IF_ERROR(CheckFreeSpace(entry_.files_folder(), size_));
    TransferResult result;
    {
      ASSIGN_OR_RETURN(const auto sink, CreateForm(version_, work, entry_.record.second_owner, entry_.record.name));
      ASSIGN_OR_RETURN(result, Transfer(*old_form.source, *sink, context_.Transferring()));
    }
    for (const auto& warning : result.warnings) context_.Warn(warning);
    RETURN_IF_ERROR(CheckNothingLost(result.losses));
    return Verify(work, result.digest);
  }

  absl::Status CheckNothingLost(const std::vector<std::string>& losses) {
    if (losses.empty()) return absl::OkStatus();
    for (const auto& loss : losses) context_.Warn(absl::StrCat("can't be kept: ", loss));
    return Error(absl::StatusCode::kFailedPrecondition, reason::kVerificationFailed,
                 absl::StrCat("The distro holds what version ", version_, " can't (", losses.size(),
                              losses.size() == 1 ? " case" : " cases",
                              ", see the warnings). It stays as it is; remove that from it to convert it."),
                 {{"distro", entry_.record.name}, {"detail", losses.front()}});
  }

  absl::Status Verify(const std::string& work, const TreeDigest& expected) {
    context_.BeginPhase(v1::PROGRESS_PHASE_VERIFY);
    RETURN_IF_ERROR(Failpoint("convert.verify"));
    OpenedSource new_form;
    if (version_ == 2) {
      const std::string image = absl::StrCat(work, "/", kImageFile);
      RETURN_IF_ERROR(CheckExt4(image));
      RETURN_IF_ERROR(context_.CheckCancelled());
      ASSIGN_OR_RETURN(new_form, OpenImage(image));
    } else {
      ASSIGN_OR_RETURN(new_form.source, OpenLxfsSource(work, entry_.record.second_owner));
    }
    ASSIGN_OR_RETURN(const TreeDigest digest, DigestOf(*new_form.source, context_.Transferring()));
    if (digest == expected) return absl::OkStatus();
    deps_.log.Error(
        absl::StrCat("converting ", entry_.record.name, ": read ", expected.ToString(), ", wrote ", digest.ToString()));
    return Error(
        absl::StatusCode::kDataLoss, reason::kVerificationFailed,
        absl::StrCat("What was written is not what was read (", digest.entries, " of ", expected.entries, " entries, ",
                     digest.bytes, " of ", expected.bytes, " bytes); the distro stays as it is."));
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
  const int version_;
  const bool terminate_;
  const OperationDeps deps_;
  OperationContext& context_;
  // Of what is to be copied, about; 0 when unknown.
  int64_t size_ = 0;
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
    return Error(absl::StatusCode::kInvalidArgument, reason::kInvalidArgument, "The version must be 1 or 2.",
                 {{"field", "version"}});
  }
  const int version = static_cast<int>(request.version());
  ASSIGN_OR_RETURN(const RegistryEntry found, deps.registry.Find(request.distro()));
  OperationPlan plan;
  ASSIGN_OR_RETURN(auto lock,
                   deps.locks.Take(found.record.id, found.record.name, {operation_id, v1::OPERATION_KIND_CONVERT}));
  plan.locks.push_back(std::move(lock));
  // Nothing changes it any more.
  ASSIGN_OR_RETURN(const RegistryEntry entry, deps.registry.Find(found.record.id));
  RETURN_IF_ERROR(entry.CheckUsable());
  if (entry.record.version == version) {
    return Error(absl::StatusCode::kFailedPrecondition, reason::kAlreadyThisVersion,
                 absl::StrCat("The distro '", entry.record.name, "' is version ", version, " already."),
                 {{"distro", entry.record.name}, {"version", absl::StrCat(version)}});
  }
  RETURN_IF_ERROR(deps.instances.CheckStoppable(entry, request.terminate()));
  plan.distros.push_back(RefOf(entry.record));
  plan.after = [deps, id = entry.record.id] { deps.views.Publish(id, v1::CHANGE_KIND_UPDATED); };
  plan.work = [deps, entry, version, terminate = request.terminate()](OperationContext& context) {
    deps.views.Publish(entry.record.id, v1::CHANGE_KIND_UPDATED);
    return Convert(entry, version, terminate, deps, context).Run();
  };
  return plan;
}

}  // namespace wslm::daemon
