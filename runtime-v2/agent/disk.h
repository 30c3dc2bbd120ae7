// Disks that come and go.
#ifndef WSLM_RUNTIME_V2_AGENT_DISK_H_
#define WSLM_RUNTIME_V2_AGENT_DISK_H_

#include <sys/types.h>

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace wslm {

struct Disk {
  std::string path;  // "/dev/sdb"
  dev_t device = 0;
};

// The disk whose /sys/block/*/device/wwid is `wwid`, waiting until it is there and can be read. Blocks. Error:
// START_FAILED.
absl::StatusOr<Disk> WaitForDisk(const std::string& wwid, absl::Duration timeout);

// Waits until nothing (a mount, a process) uses the disk any more. Blocks. Error: DEADLINE_EXCEEDED.
absl::Status WaitUntilUnused(const Disk& disk, absl::Duration timeout);

// Gives the file system's free space back to the host. Blocks.
absl::Status Trim(const std::string& mount_point);

}  // namespace wslm

#endif  // WSLM_RUNTIME_V2_AGENT_DISK_H_
