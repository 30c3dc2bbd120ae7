// A disk image or block device of the host's, opened to be given to the VM.
#ifndef WSLM_DAEMON_SERVICES_OPEN_DISK_H_
#define WSLM_DAEMON_SERVICES_OPEN_DISK_H_

#include <string>

#include "absl/status/statusor.h"
#include "distros/host/unique_fd.h"

namespace wslm::daemon {

struct OpenedDisk {
  // Nobody else may use it as long as this or a copy of it is open.
  UniqueFd fd;
  // As wslm.v1.Disk.format, and QEMU's driver for that.
  std::string format;
  std::string driver;
  // It can't be opened for writing.
  bool read_only = false;
};

// Thread-safe. Errors: FILE_NOT_FOUND, DISTRO_RUNNING while something else uses it, UNSUPPORTED_FORMAT, CORRUPT_SOURCE,
// IO_ERROR.
absl::StatusOr<OpenedDisk> OpenDisk(const std::string& path);

}  // namespace wslm::daemon

#endif  // WSLM_DAEMON_SERVICES_OPEN_DISK_H_
