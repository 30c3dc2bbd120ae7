// Parts of calls that end at a limit of v1's (limits.h).
#ifndef WSLM_RUNTIME_V1_LXCORE_SYS_LIMITS_H_
#define WSLM_RUNTIME_V1_LXCORE_SYS_LIMITS_H_

#include <cstdint>
#include <string>

#include "runtime-v1/lxcore/call.h"
#include "runtime-v1/lxcore/kernel.h"

namespace wslm::lxcore {

// ioctl(2) of a network interface.
Reply ChangeInterface(Kernel& k, const Call& call);
// Whether the caller may bind to a port: 0 or an errno. What the host refuses all the same is the kernel's to say.
int BindPort(Kernel& k, const Call& call, uint16_t port);
// A folder that the caller, root maybe, is about to make in `parent`, which is not the distro's.
void LookAtNewFolder(Kernel& k, const Call& call, const std::string& parent);
// A message that the caller, root maybe, is about to send to the kernel by netlink; `text` is where it begins.
void LookAtNetlink(Kernel& k, const Call& call, uint64_t text);

}  // namespace wslm::lxcore

#endif  // WSLM_RUNTIME_V1_LXCORE_SYS_LIMITS_H_
