// Whether, and when, to try again.
#ifndef WSLM_DISTROS_OCI_REGISTRY_RETRY_H_
#define WSLM_DISTROS_OCI_REGISTRY_RETRY_H_

#include "absl/status/statusor.h"
#include "distros/oci/registry/http_client.h"
#include "distros/oci/registry/options.h"
#include "distros/oci/registry/stop.h"

namespace wslm::oci::registry {

// For one request or one blob. Not thread-safe.
class Retry {
 public:
  Retry(const Patience& patience, const Stop& stop) : patience_(patience), stop_(stop) {}

  // After a try that failed: waits and says true when another may help; false when it can't, the tries are used up, or
  // `stop` is set. May help: UNAVAILABLE, and the responses 408, 425, 429, 500, 502, 503 and 504.
  bool Again(const absl::StatusOr<HttpResponse>& outcome);
  // The same for what is known to be worth another try.
  bool Again(std::optional<std::chrono::milliseconds> asked);
  // The last try brought something: the count begins anew. A thousand tries are the end all the same.
  void Progressed() { failed_ = 0; }

 private:
  const Patience& patience_;
  const Stop& stop_;
  int failed_ = 0;
  int all_ = 0;
};

}  // namespace wslm::oci::registry

#endif  // WSLM_DISTROS_OCI_REGISTRY_RETRY_H_
