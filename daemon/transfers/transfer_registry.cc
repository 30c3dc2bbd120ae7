#include "daemon/transfers/transfer_registry.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "distros/host/error.h"
#include "distros/host/invalid.h"

namespace wslm::daemon {
namespace {

constexpr size_t kMinId = 16;
constexpr size_t kMaxId = 64;
constexpr size_t kMaxWaiting = 64;
// The field of a request that names one.
constexpr char kUploadId[] = "header.upload_id";
// An upload that no import claims.
constexpr absl::Duration kClaimTimeout = absl::Minutes(5);

bool IsUploadId(const std::string& id) {
  if (id.size() < kMinId || id.size() > kMaxId) return false;
  for (const char c : id) {
    if (!absl::ascii_isalnum(static_cast<unsigned char>(c)) && c != '-') return false;
  }
  return true;
}

}  // namespace

absl::StatusOr<Upload> TransferRegistry::BeginUpload(const std::string& id, int64_t size) {
  if (!IsUploadId(id)) return Invalid(kUploadId, "An upload's id is 16 to 64 letters, digits and '-'.");
  std::lock_guard lock(mutex_);
  const absl::Time now = absl::Now();
  std::erase_if(uploads_, [&](const auto& entry) {
    if (now - entry.second.begin < kClaimTimeout) return false;
    entry.second.upload.pipe->CloseReader(Error(absl::StatusCode::kDeadlineExceeded, reason::kUploadNotFound,
                                                "No import asked for this upload.", {{"upload", entry.first}}));
    return true;
  });
  if (uploads_.count(id) > 0) return Invalid(kUploadId, "An upload with this id is under way.");
  if (uploads_.size() >= kMaxWaiting) return Invalid(kUploadId, "Too many uploads wait for their import.");
  Upload upload = {std::make_shared<BytePipe>(kBuffer), size};
  uploads_[id] = {upload, now};
  return upload;
}

absl::StatusOr<Upload> TransferRegistry::ClaimUpload(const std::string& id) {
  std::lock_guard lock(mutex_);
  const auto found = uploads_.find(id);
  if (found == uploads_.end()) {
    return Error(absl::StatusCode::kNotFound, reason::kUploadNotFound,
                 absl::StrCat("There is no upload '", id, "'; begin it before the import."), {{"upload", id}});
  }
  Upload upload = std::move(found->second.upload);
  uploads_.erase(found);
  return upload;
}

Download TransferRegistry::BeginDownload(const std::string& operation_id) {
  Download download;
  download.pipe = std::make_shared<BytePipe>(kBuffer, kReaderTimeout);
  std::lock_guard lock(mutex_);
  downloads_[operation_id] = download;
  return download;
}

absl::StatusOr<Download> TransferRegistry::ClaimDownload(const std::string& operation_id) {
  std::lock_guard lock(mutex_);
  const auto found = downloads_.find(operation_id);
  if (found == downloads_.end()) {
    return Error(absl::StatusCode::kNotFound, reason::kOperationNotFound,
                 absl::StrCat("There is no download '", operation_id, "' that nobody reads yet."),
                 {{"operation", operation_id}});
  }
  Download download = std::move(found->second);
  downloads_.erase(found);
  return download;
}

void TransferRegistry::ForgetDownload(const std::string& operation_id) {
  std::lock_guard lock(mutex_);
  downloads_.erase(operation_id);
}

}  // namespace wslm::daemon
