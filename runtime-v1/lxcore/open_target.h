// Opening what was found, whichever call asked for it. `flags` and `mode` as open(2) has them.
#ifndef WSLM_RUNTIME_V1_LXCORE_OPEN_TARGET_H_
#define WSLM_RUNTIME_V1_LXCORE_OPEN_TARGET_H_

#include <fcntl.h>

#include "runtime-v1/lxcore/kernel.h"

namespace wslm::lxcore {

inline bool MakesTemporary(uint64_t flags) { return (flags & O_TMPFILE) == O_TMPFILE; }

// target.error is 0.
Reply OpenExisting(Kernel& k, const Call& call, const Credentials& c, const Target& target, uint64_t flags);
// target.error is ENOENT.
Reply OpenNew(Kernel& k, const Call& call, const Credentials& c, const Target& target, uint64_t flags, uint32_t mode);
// A file without a name in the folder that target is.
Reply OpenTemporary(Kernel& k, const Call& call, const Credentials& c, Target& target, uint64_t flags, uint32_t mode);

// openat(2): `path` is an address in the caller's memory.
Reply OpenPath(Kernel& k, const Call& call, int folder, uint64_t path, uint64_t flags, uint32_t mode);

}  // namespace wslm::lxcore

#endif  // WSLM_RUNTIME_V1_LXCORE_OPEN_TARGET_H_
