// Remembers the request ids of calls that are no operations, so that a repeated one changes nothing more.
#ifndef WSLM_DAEMON_SERVICES_REQUEST_MEMORY_H_
#define WSLM_DAEMON_SERVICES_REQUEST_MEMORY_H_

#include <deque>
#include <map>
#include <mutex>
#include <string>

#include "absl/status/statusor.h"

namespace wslm::daemon {

// Thread-safe.
class RequestMemory {
 public:
  // Whether this very request was made before. An empty id was not. Error: REQUEST_ID_REUSED when it came with another
  // body.
  absl::StatusOr<bool> Seen(const std::string& request_id, const std::string& body) const;
  // The request was carried out.
  void Remember(const std::string& request_id, const std::string& body);

 private:
  mutable std::mutex mutex_;
  std::map<std::string, std::string> bodies_;
  // The oldest first.
  std::deque<std::string> order_;
};

}  // namespace wslm::daemon

#endif  // WSLM_DAEMON_SERVICES_REQUEST_MEMORY_H_
