// A distro's control group (cgroup2): what it may use of the VM, and which disks it may open.
//
//   /sys/fs/cgroup/wslm/ID                  its limits and its device rule
//   /sys/fs/cgroup/wslm/ID/root             the root of the tree as the distro sees it
//   /sys/fs/cgroup/wslm/ID/root/init.scope  its first process, and all that don't leave
//
// The distro's root may change what hangs on the groups that it sees, and so what confines it hangs on the one above.
// No process is in a group that has others below, so that the distro can make groups with limits of their own: the
// kernel allows either. systemd takes the leaf of this name for its own.
#ifndef WSLM_RUNTIME_V2_AGENT_CGROUP_H_
#define WSLM_RUNTIME_V2_AGENT_CGROUP_H_

#include <sys/types.h>

#include <string>

#include "absl/status/status.h"
#include "distros/config/wsl_conf.h"

namespace wslm {

// Below a distro's group: what the distro sees as the root.
inline constexpr char kSeenRoot[] = "/root";

// Once, before the first distro: makes the group above all distros'.
absl::Status PrepareCgroups();

// Makes the groups, anew where some are left, and moves this process into the one that the distro sees as the root: it
// is the root for what is cloned with CLONE_NEWCGROUP. `disk` is the distro's own; with `shared_disks` it may open
// those that are no distro's, too.
absl::Status EnterCgroup(const std::string& distro_id, const WslConf& conf, dev_t disk, bool shared_disks);

// In what was cloned so: moves it into the leaf.
absl::Status EnterLeafCgroup(const std::string& distro_id);

// Moves this process back to the VM's root group, and lets the distro give limits to its groups.
absl::Status LeaveCgroup(const std::string& distro_id);

// Stops the distro's processes where they are, until ThawCgroup. Blocks, up to some seconds. Error: DEADLINE_EXCEEDED
// when one of them is at something that can't be interrupted; it may stop yet.
absl::Status FreezeCgroup(const std::string& distro_id);
// Doesn't wait for them.
absl::Status ThawCgroup(const std::string& distro_id);

// Kills what is left in the distro's group and removes it with all below. Blocks, up to a second.
void RemoveCgroup(const std::string& distro_id);

}  // namespace wslm

#endif  // WSLM_RUNTIME_V2_AGENT_CGROUP_H_
