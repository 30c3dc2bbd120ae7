#include "daemon/operations/distro_locks.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "distros/host/error.h"

namespace wslm::daemon {
namespace {

std::string Doing(const DistroLocks::Holder& holder) {
  switch (holder.kind) {
    case v1::OPERATION_KIND_PULL:
      return "pulled";
    case v1::OPERATION_KIND_IMPORT:
    case v1::OPERATION_KIND_IMPORT_IN_PLACE:
      return "imported";
    case v1::OPERATION_KIND_EXPORT:
      return "exported";
    case v1::OPERATION_KIND_CONVERT:
      return "converted";
    case v1::OPERATION_KIND_DELETE:
      return "removed";
    case v1::OPERATION_KIND_CHECK:
      return "checked";
    case v1::OPERATION_KIND_COMPARE:
      return "compared";
    case v1::OPERATION_KIND_PUSH:
      return "pushed";
    case v1::OPERATION_KIND_CLONE:
      return holder.makes ? "made" : "cloned";
    case v1::OPERATION_KIND_RESIZE:
      return "resized";
    case v1::OPERATION_KIND_TRIM:
      return "trimmed";
    default:
      return "changed";
  }
}

absl::Status Busy(const std::string& shown, const DistroLocks::Holder& holder) {
  std::string message = absl::StrCat("The distro '", shown, "' is being ", Doing(holder), " just now");
  ErrorMetadata metadata = {{"distro", shown}};
  if (holder.operation_id.empty()) {
    absl::StrAppend(&message, "; try again.");
  } else {
    absl::StrAppend(&message, " by operation ", holder.operation_id, "; wait for it with 'wslm op watch ",
                    holder.operation_id, "'.");
    metadata["operation"] = holder.operation_id;
    metadata["kind"] = v1::OperationKind_Name(holder.kind);
  }
  return Error(absl::StatusCode::kFailedPrecondition, reason::kDistroBusy, message, metadata);
}

}  // namespace

void DistroLocks::Lock::Release() {
  if (locks_ == nullptr) return;
  std::lock_guard guard(locks_->mutex_);
  locks_->held_.erase(key_);
  locks_ = nullptr;
}

absl::StatusOr<DistroLocks::Lock> DistroLocks::Take(const std::string& key, const std::string& shown, Holder holder) {
  std::lock_guard guard(mutex_);
  const auto [present, taken] = held_.try_emplace(key, std::move(holder));
  if (!taken) return Busy(shown, present->second);
  return Lock(this, key);
}

absl::Status DistroLocks::CheckFree(const std::string& key, const std::string& shown) const {
  std::lock_guard guard(mutex_);
  const auto present = held_.find(key);
  return present == held_.end() ? absl::OkStatus() : Busy(shown, present->second);
}

std::optional<DistroLocks::Holder> DistroLocks::HolderOf(const std::string& key) const {
  std::lock_guard guard(mutex_);
  const auto present = held_.find(key);
  if (present == held_.end()) return std::nullopt;
  return present->second;
}

std::string DistroLocks::NameKey(const std::string& name) { return absl::StrCat("name:", absl::AsciiStrToLower(name)); }

}  // namespace wslm::daemon
