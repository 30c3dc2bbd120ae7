// What the host's file system can hold, tried out: a distro must not be half written before it turns out that names
// clash or that there are no links.
#ifndef WSLM_DISTROS_LXFS_HOST_PROBE_H_
#define WSLM_DISTROS_LXFS_HOST_PROBE_H_

#include <string>

#include "absl/status/statusor.h"
#include "distros/tree/entry.h"

namespace wslm {

struct HostAbilities {
  // Times of change that it keeps to the second; ext4 with small inodes ends in 2038 and says nothing.
  Timestamp first_time, last_time;
  // And to the nanosecond.
  bool nanoseconds = true;

  // In the first second and the last Linux drops the nanoseconds.
  bool Keeps(Timestamp time) const {
    if (time.seconds == first_time.seconds || time.seconds == last_time.seconds) return time.nanoseconds == 0;
    return time.seconds > first_time.seconds && time.seconds < last_time.seconds;
  }
};

// Makes a folder in `folder`, which is called `path` in messages, and removes it again. Errors: HOST_UNSUPPORTED when a
// distro can't lie there, DISK_FULL, IO_ERROR.
absl::StatusOr<HostAbilities> ProbeHost(int folder, const std::string& path);

}  // namespace wslm

#endif  // WSLM_DISTROS_LXFS_HOST_PROBE_H_
