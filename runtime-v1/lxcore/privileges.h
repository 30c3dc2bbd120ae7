// What a file gives to who runs it, and when it loses that: set-id bits and capabilities.
#ifndef WSLM_RUNTIME_V1_LXCORE_PRIVILEGES_H_
#define WSLM_RUNTIME_V1_LXCORE_PRIVILEGES_H_

#include "runtime-v1/lxcore/kernel.h"

namespace wslm::lxcore {

// The mode after chown(2), or a write of who may not keep the bits. A set-gid bit without x for the group is no such
// bit for who is in the group.
uint32_t WithoutSetId(const Credentials& c, const GuestAttributes& attributes);
// Takes a file's capability away, as chown and each write do. 0 or an errno.
int DropCapability(Kernel& k, const Target& target);
// What writing to a file takes away. Linux does it at the first write, lxcore when the file is opened for it.
void DropPrivileges(Kernel& k, const Credentials& c, const Target& target);

}  // namespace wslm::lxcore

#endif  // WSLM_RUNTIME_V1_LXCORE_PRIVILEGES_H_
