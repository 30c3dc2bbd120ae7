// What guests read in /proc/PID/mounts and /proc/PID/mountinfo: the distro's own files are of type "lxfs" and the
// host's folders of type "drvfs", each with the host's path as its source.
#ifndef WSLM_RUNTIME_V1_LXCORE_MOUNT_TEXT_H_
#define WSLM_RUNTIME_V1_LXCORE_MOUNT_TEXT_H_

#include <string>
#include <string_view>

#include "runtime-v1/lxcore/guest_files.h"

namespace wslm::lxcore {

// `mountinfo`: the kernel's text of that file.
std::string GuestMountInfo(const GuestFiles& files, std::string_view mountinfo);
std::string GuestMounts(const GuestFiles& files, std::string_view mountinfo);

}  // namespace wslm::lxcore

#endif  // WSLM_RUNTIME_V1_LXCORE_MOUNT_TEXT_H_
