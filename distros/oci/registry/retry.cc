#include "distros/oci/registry/retry.h"

#include <algorithm>

namespace wslm::oci::registry {
namespace {

constexpr int kMostTries = 1000;

bool MayPass(int code) {
  return code == 408 || code == 425 || code == 429 || code == 500 || (code >= 502 && code <= 504);
}

}  // namespace

bool Retry::Again(const absl::StatusOr<HttpResponse>& outcome) {
  if (!outcome.ok()) {
    return outcome.status().code() == absl::StatusCode::kUnavailable &&
           Again(std::optional<std::chrono::milliseconds>());
  }
  return MayPass(outcome->code) && Again(outcome->RetryAfter());
}

bool Retry::Again(std::optional<std::chrono::milliseconds> asked) {
  if (++failed_ >= patience_.attempts || ++all_ >= kMostTries) return false;
  if (asked) return *asked <= patience_.longest_asked && stop_.Sleep(*asked);
  const auto doubled = patience_.first_wait * (int64_t{1} << std::min(failed_ - 1, 20));
  return stop_.Sleep(std::min<std::chrono::milliseconds>(doubled, patience_.longest_wait));
}

}  // namespace wslm::oci::registry
