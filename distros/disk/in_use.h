// Whether anybody writes into a disk image just now.
#ifndef WSLM_DISTROS_DISK_IN_USE_H_
#define WSLM_DISTROS_DISK_IN_USE_H_

#include <string>

#include "absl/status/status.h"

namespace wslm::disk {

// Error: DISTRO_RUNNING when a QEMU has it open for writing, somebody holds its lock (distros/host/image_lock.h), or a
// loop device of the host's writes into it, as where it is mounted. Takes no lock. `block_devices`: sysfs' folder of
// them.
absl::Status CheckNotInUse(int fd, const std::string& path, const std::string& block_devices = "/sys/block");

}  // namespace wslm::disk

#endif  // WSLM_DISTROS_DISK_IN_USE_H_
