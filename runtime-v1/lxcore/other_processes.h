// Other processes of the caller's, as its own /proc numbers and lists them.
#ifndef WSLM_RUNTIME_V1_LXCORE_OTHER_PROCESSES_H_
#define WSLM_RUNTIME_V1_LXCORE_OTHER_PROCESSES_H_

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "runtime-v1/lxcore/kernel.h"

namespace wslm::lxcore {

// Who another process is; 0 is the caller. nullopt: there is none.
std::optional<Credentials> OwnerOf(Kernel& k, const Call& call, pid_t pid);

// The calling thread has the guest's root for what follows.

// Besides what a call asks of the ids: nobody lowers who has a capability that it hasn't (cap_safe_nice of Linux).
inline bool MayNice(const Credentials& c, const Credentials& target) {
  return c.Has(CAP_SYS_NICE) || (target.permitted & ~c.permitted) == 0;
}

struct Relatives {
  pid_t group = 0;
  pid_t session = 0;
};
Relatives RelativesOf(const std::string& pid);

std::vector<std::string> AllProcesses();

}  // namespace wslm::lxcore

#endif  // WSLM_RUNTIME_V1_LXCORE_OTHER_PROCESSES_H_
