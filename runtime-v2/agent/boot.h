// The first things PID 1 of the VM does, in this order.
#ifndef WSLM_RUNTIME_V2_AGENT_BOOT_H_
#define WSLM_RUNTIME_V2_AGENT_BOOT_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "distros/host/unique_fd.h"

namespace wslm {

// Mounts /dev, /proc, /sys, /run and the cgroup tree, and makes `/` something that pivot_root accepts.
absl::Status MountBasics();

// Loads the modules of the initramfs (/boot-modules/ORDER lists them).
absl::Status LoadBootModules();
// Whether it lists any: a kernel without them has none at all.
absl::StatusOr<bool> HasBootModules();

// The kernel's release ("6.1.0-56-amd64").
std::string KernelRelease();

// Opens the virtio port called `name`, non-blocking; waits for it up to 10 s.
absl::StatusOr<UniqueFd> OpenVirtioPort(std::string_view name);

// Brings lo and the VM's Ethernet device up with the addresses of QEMU's user network.
absl::Status SetUpNetwork();

// Sets the clock (ns since the epoch) and stirs `entropy` into the kernel's pool.
absl::Status SetClock(int64_t realtime_ns);
// The same while programs run: what is a little off is slewed.
absl::Status AdjustClock(int64_t realtime_ns);
absl::Status AddEntropy(std::string_view entropy);

}  // namespace wslm

#endif  // WSLM_RUNTIME_V2_AGENT_BOOT_H_
