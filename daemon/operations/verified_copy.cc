#include "daemon/operations/verified_copy.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "distros/host/error.h"
#include "distros/host/failpoint.h"
#include "distros/host/files.h"
#include "distros/host/scratch_file.h"
#include "distros/host/status_macros.h"
#include "distros/tree/transfer.h"

namespace wslm::daemon {
namespace {

class VerifiedCopy {
 public:
  VerifiedCopy(const RegistryEntry& from, const FormPlan& to, Log& log, OperationContext& context)
      : from_(from), to_(to), log_(log), context_(context) {}

  absl::Status Run() {
    context_.BeginPhase(v1::PROGRESS_PHASE_COPY);
    ASSIGN_OR_RETURN(const OpenedSource source, OpenDistro(from_, context_.cancel_flag()));
    size_ = source.source->total();
    absl::Status status = CanCopyImage() ? CopyImage(*source.source) : CopyEntries(*source.source);
    if (status.ok()) status = Verify();
    return WithFreeSpace(status, ParentPath(to_.folder), size_);
  }

 private:
  bool CanCopyImage() const {
    if (to_.version != 2 || !CheckHasRawDisk(from_, "copied").ok()) return false;
    struct stat st {};
    return to_.disk_size == 0 || (::stat(from_.image().c_str(), &st) == 0 && st.st_size == to_.disk_size);
  }

  // The source, whose journal is replayed, tells the digest alone.
  absl::Status CopyImage(Source& source) {
    ASSIGN_OR_RETURN(const UniqueFd image, OpenFile(from_.image(), O_RDONLY));
    struct stat st {};
    if (::fstat(image.get(), &st) != 0) return ErrnoError("cannot look at", from_.image());
    const std::string path = absl::StrCat(to_.folder, "/", kImageFile);
    ASSIGN_OR_RETURN(const UniqueFd copy, OpenFile(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW));
    RETURN_IF_ERROR(CopySparse(image.get(), 0, st.st_size, copy.get(), path, context_.cancel_flag(),
                               [&](int64_t done) { context_.Progress(done, st.st_size, ""); }));
    RETURN_IF_ERROR(Failpoint("copy.image"));
    if (::fsync(copy.get()) != 0) return ErrnoError("cannot write", path);
    RETURN_IF_ERROR(SyncFolder(to_.folder));
    context_.BeginPhase(v1::PROGRESS_PHASE_VERIFY);
    ASSIGN_OR_RETURN(digest_, DigestOf(source, context_.Transferring()));
    return absl::OkStatus();
  }

  absl::Status CopyEntries(Source& source) {
    RETURN_IF_ERROR(CheckFreeSpace(ParentPath(to_.folder), size_));
    ASSIGN_OR_RETURN(const auto sink, CreateForm(to_, context_.cancel_flag()));
    ASSIGN_OR_RETURN(const TransferResult result, Transfer(source, *sink, context_.Transferring()));
    digest_ = result.digest;
    for (const auto& warning : result.warnings) context_.Warn(warning);
    return CheckNothingLost(result.losses);
  }

  absl::Status CheckNothingLost(const std::vector<std::string>& losses) {
    if (losses.empty()) return absl::OkStatus();
    for (const auto& loss : losses) context_.Warn(absl::StrCat("can't be kept: ", loss));
    return Error(absl::StatusCode::kFailedPrecondition, reason::kVerificationFailed,
                 absl::StrCat("The distro '", from_.record.name, "' holds what version ", to_.version, " can't (",
                              losses.size(), losses.size() == 1 ? " case" : " cases",
                              ", see the warnings). It stays as it is; remove that from it and try again."),
                 {{"distro", from_.record.name}, {"detail", losses.front()}});
  }

  absl::Status Verify() {
    context_.BeginPhase(v1::PROGRESS_PHASE_VERIFY);
    RETURN_IF_ERROR(Failpoint("copy.verify"));
    ASSIGN_OR_RETURN(const OpenedSource written, OpenForm(to_, context_.cancel_flag()));
    ASSIGN_OR_RETURN(const TreeDigest digest, DigestOf(*written.source, context_.Transferring()));
    if (digest == digest_) return absl::OkStatus();
    log_.Error(
        absl::StrCat("copying ", from_.record.name, ": read ", digest_.ToString(), ", wrote ", digest.ToString()));
    return Error(
        absl::StatusCode::kDataLoss, reason::kVerificationFailed,
        absl::StrCat("What was written is not what was read (", digest.entries, " of ", digest_.entries, " entries, ",
                     digest.bytes, " of ", digest_.bytes, " bytes); the distro stays as it is."));
  }

  const RegistryEntry& from_;
  const FormPlan& to_;
  Log& log_;
  OperationContext& context_;
  // Of what is to be copied, about; 0 when unknown.
  int64_t size_ = 0;
  TreeDigest digest_;
};

}  // namespace

absl::Status CopyVerified(const RegistryEntry& from, const FormPlan& to, Log& log, OperationContext& context) {
  return VerifiedCopy(from, to, log, context).Run();
}

}  // namespace wslm::daemon
