// Path lookup part by part, with the right to search each folder checked against the virtual owners
// (path_resolution(7)): for guests that are not root, and for all once there are foreign mounts, into which it never
// goes.
#ifndef WSLM_RUNTIME_V1_LXCORE_WALK_H_
#define WSLM_RUNTIME_V1_LXCORE_WALK_H_

#include <string>

#include "runtime-v1/lxcore/kernel.h"

namespace wslm::lxcore {

// With ResolveOptions: the path stays below `folder`, which is its root, as with RESOLVE_IN_ROOT.
inline constexpr int kInFolder = 1 << 16;

// Fills `target`, its parent too, with names that go through descriptors of lxcore's own; `path` isn't empty. The
// calling thread has the guest's root. 0 or an errno, as Kernel::Resolve.
int Walk(int proc, GuestFiles& files, pid_t tid, const Credentials& c, int folder, const std::string& path, int options,
         Target& target);

// Whether `c` may follow or read the link `name` at `path`, which is `file`: those of a process (/proc/PID/exe, cwd,
// root, fd/N) tell, and lead, only its owner and who may trace it.
bool MayFollowProcLink(const Credentials& c, const std::string& name, const std::string& path, const GuestFile& file);

}  // namespace wslm::lxcore

#endif  // WSLM_RUNTIME_V1_LXCORE_WALK_H_
