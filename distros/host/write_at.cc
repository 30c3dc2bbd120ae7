#include "distros/host/write_at.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "distros/host/error.h"

namespace wslm {

absl::Status WriteAt(int fd, uint64_t position, std::string_view bytes, const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t written =
        ::pwrite(fd, bytes.data(), std::min(bytes.size(), kWriteAtOnce), static_cast<off_t>(position));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return ErrnoError("cannot write", path);
    if (written == 0) return ErrnoError("cannot write", path, ENOSPC);
    bytes.remove_prefix(static_cast<size_t>(written));
    position += static_cast<uint64_t>(written);
  }
  return absl::OkStatus();
}

}  // namespace wslm
