// Whether anybody writes into a disk image just now.
#ifndef WSLM_DISTROS_DISK_IN_USE_H_
#define WSLM_DISTROS_DISK_IN_USE_H_

#include <string>

#include "absl/status/status.h"

namespace wslm::disk {

// Error: DISTRO_RUNNING when a QEMU has it open for writing, or somebody holds its lock (distros/host/image_lock.h).
// Takes no lock. Kernels that mounted it are not seen.
absl::Status CheckNotInUse(int fd, const std::string& path);

}  // namespace wslm::disk

#endif  // WSLM_DISTROS_DISK_IN_USE_H_
