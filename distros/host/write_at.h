// Writes to a place in a file.
#ifndef WSLM_DISTROS_HOST_WRITE_AT_H_
#define WSLM_DISTROS_HOST_WRITE_AT_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace wslm {

// The longest write of one call, in bytes. From 2 MiB on the host's page cache takes huge pages for a write, and what
// those cost a virtual machine that gave its free memory back to its own host is many times what fewer calls save.
inline constexpr size_t kWriteAtOnce = size_t{1} << 20;

// Writes all of `bytes` from `position` (in bytes) on. `path` is for messages. Errors: DISK_FULL, IO_ERROR.
// Thread-safe.
absl::Status WriteAt(int fd, uint64_t position, std::string_view bytes, const std::string& path);

}  // namespace wslm

#endif  // WSLM_DISTROS_HOST_WRITE_AT_H_
