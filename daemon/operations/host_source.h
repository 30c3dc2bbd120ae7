// What lies on the host and can be imported, as a source of entries: opened by what it holds, not by its name.
#ifndef WSLM_DAEMON_OPERATIONS_HOST_SOURCE_H_
#define WSLM_DAEMON_OPERATIONS_HOST_SOURCE_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "distros/tree/source.h"

namespace wslm::daemon {

struct HostSource {
  std::unique_ptr<Source> source;
  // Bytes of the file.
  int64_t size = 0;
};

// `path` is absolute. Errors: FILE_NOT_FOUND, PERMISSION_DENIED, UNSUPPORTED_FORMAT, CORRUPT_SOURCE.
absl::StatusOr<HostSource> OpenHostSource(const std::string& path);

}  // namespace wslm::daemon

#endif  // WSLM_DAEMON_OPERATIONS_HOST_SOURCE_H_
