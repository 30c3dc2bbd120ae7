// Which block devices the processes of a control group may open.
#ifndef WSLM_RUNTIME_V2_AGENT_DEVICE_RULE_H_
#define WSLM_RUNTIME_V2_AGENT_DEVICE_RULE_H_

#include <sys/types.h>

#include <string>

#include "absl/status/status.h"

namespace wslm {

// Once, before the first rule, in the process whose children make the rules.
absl::Status PrepareDeviceRules();

// Whether all distros with `shared` may open the disk or partition `device` from now on.
absl::Status AllowDisk(dev_t device, bool allowed);

// Forbids the processes of `cgroup` (a folder of the cgroup2 tree) to open the VM's console, the devices that send a
// disk any command (sg, bsg), and SCSI disks other than `own` and, if `shared`, those that AllowDisk allows. Device
// nodes of any kind may be made, since a distro's files may hold them.
absl::Status DenyOtherDisks(const std::string& cgroup, dev_t own, bool shared);

}  // namespace wslm

#endif  // WSLM_RUNTIME_V2_AGENT_DEVICE_RULE_H_
