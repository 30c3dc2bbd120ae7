// Files of procfs whose text tells what the host's kernel thinks instead of what the guest is.
#ifndef WSLM_RUNTIME_V1_LXCORE_PROC_FILES_H_
#define WSLM_RUNTIME_V1_LXCORE_PROC_FILES_H_

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "distros/host/unique_fd.h"
#include "runtime-v1/lxcore/kernel.h"

namespace wslm::lxcore {

// The text of a status file of a process that is `owner`: Uid, Gid, Groups, capability sets, NoNewPrivs, Seccomp. The
// functions say how the reader's user namespace shows ids.
using ShownId = std::function<uint32_t(uint32_t)>;
std::string VirtualStatus(std::string_view status, const Credentials& owner, const ShownId& uid, const ShownId& gid);

// What a guest gets that opens a procfs file.
struct ProcFile {
  // To be given instead of the file; none: the kernel's is right.
  UniqueFd file;
  // Not 0: the guest must not open it.
  int error = 0;
};
// `flags` as open's. For `timerslack_ns`, too: it carries who a thread is (identities.h), so that guests get a copy
// that shows the default, whose change changes nothing.
ProcFile OpenProcFile(Kernel& k, const Call& call, const Target& target, uint64_t flags);

}  // namespace wslm::lxcore

#endif  // WSLM_RUNTIME_V1_LXCORE_PROC_FILES_H_
