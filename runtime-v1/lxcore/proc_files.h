// Files of procfs whose text tells what the host's kernel thinks instead of what the guest is.
#ifndef WSLM_RUNTIME_V1_LXCORE_PROC_FILES_H_
#define WSLM_RUNTIME_V1_LXCORE_PROC_FILES_H_

#include <optional>
#include <string>

#include "distros/host/unique_fd.h"
#include "runtime-v1/lxcore/kernel.h"

namespace wslm::lxcore {

// The text of a status file as `owner` should see it: Uid, Gid, Groups, capability sets, NoNewPrivs, Seccomp.
std::string VirtualStatus(std::string_view status, const Credentials& owner);

// A descriptor to give instead of opening the procfs file `target` for reading; none when the kernel's is right.
// `error` is set when the guest must not open it.
std::optional<UniqueFd> OpenProcFile(Kernel& k, const Credentials& c, const Target& target, int& error);

}  // namespace wslm::lxcore

#endif  // WSLM_RUNTIME_V1_LXCORE_PROC_FILES_H_
