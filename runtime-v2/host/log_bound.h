// Keeps a log that others append to from growing for ever.
#ifndef WSLM_RUNTIME_V2_HOST_LOG_BOUND_H_
#define WSLM_RUNTIME_V2_HOST_LOG_BOUND_H_

#include <string>

namespace wslm {

// When `path` is over 4 MiB, copies its last MiB to PATH.1 and empties it. Its writers must append. Thread-safe.
void BoundLog(const std::string& path);

}  // namespace wslm

#endif  // WSLM_RUNTIME_V2_HOST_LOG_BOUND_H_
