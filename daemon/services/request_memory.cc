#include "daemon/services/request_memory.h"

#include "absl/strings/str_cat.h"
#include "distros/host/error.h"

namespace wslm::daemon {
namespace {

constexpr size_t kKept = 1000;

}  // namespace

absl::StatusOr<bool> RequestMemory::Seen(const std::string& request_id, const std::string& body) const {
  if (request_id.empty()) return false;
  std::lock_guard lock(mutex_);
  const auto found = bodies_.find(request_id);
  if (found == bodies_.end()) return false;
  if (found->second == body) return true;
  return Error(absl::StatusCode::kAlreadyExists, reason::kRequestIdReused,
               absl::StrCat("The request_id '", request_id, "' was used for another request."));
}

void RequestMemory::Remember(const std::string& request_id, const std::string& body) {
  if (request_id.empty()) return;
  std::lock_guard lock(mutex_);
  if (!bodies_.emplace(request_id, body).second) return;
  order_.push_back(request_id);
  if (order_.size() <= kKept) return;
  bodies_.erase(order_.front());
  order_.pop_front();
}

}  // namespace wslm::daemon
