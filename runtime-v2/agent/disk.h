// Disks that come and go.
#ifndef WSLM_RUNTIME_V2_AGENT_DISK_H_
#define WSLM_RUNTIME_V2_AGENT_DISK_H_

#include <sys/types.h>

#include <cstdint>
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

// Waits until the device node `path` is there. Blocks. Error: FILE_NOT_FOUND.
absl::Status WaitForNode(const std::string& path, absl::Duration timeout);

// The disk has `bytes` now: waits until the kernel knows, and makes the ext4 file system at `mount_point` as large.
// Blocks. Errors: DEADLINE_EXCEEDED, IO_ERROR.
absl::Status GrowFileSystem(const std::string& disk, const std::string& mount_point, int64_t bytes,
                            absl::Duration timeout);

// The disk, which holds a swap area, becomes swap. Blocks. Errors: START_FAILED, IO_ERROR.
absl::Status SwapOn(const std::string& wwid);

// Gives the file system's free space back to the host. Blocks.
absl::Status Trim(const std::string& mount_point);

}  // namespace wslm

#endif  // WSLM_RUNTIME_V2_AGENT_DISK_H_
