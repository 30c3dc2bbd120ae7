// Giving guests descriptors.
//
// A guest that is to get a descriptor must get just one, whenever lxcore ends. The kernel's way to give one and answer
// in one step (SECCOMP_ADDFD_FLAG_SEND) can't do that: who is killed in it, or only gets a signal, before the guest
// could run has answered 0 and given nothing. So it is given first and then told, and what lies in between can be found
// again by a mark on it.
#ifndef WSLM_RUNTIME_V1_LXCORE_GUEST_DESCRIPTORS_H_
#define WSLM_RUNTIME_V1_LXCORE_GUEST_DESCRIPTORS_H_

#include <cstdint>
#include <optional>

#include "runtime-v1/lxcore/call.h"

namespace wslm::lxcore {

// How far the giving has come, in memory that outlives lxcore (SharedState::kLayout). All zero at first.
struct GivenDescriptor {
  uint32_t step;
  int32_t number;
};

// Gives the caller a copy of `fd`. Its number, or a negative errno.
int GiveDescriptor(const Call& call, int fd, bool close_on_exec, GivenDescriptor& given);
// The number of what an earlier lxcore has given the caller, and not told it; nullopt: nothing. `proc`: the host's.
std::optional<int> FindGiven(int proc, const Call& call, GivenDescriptor& given);

}  // namespace wslm::lxcore

#endif  // WSLM_RUNTIME_V1_LXCORE_GUEST_DESCRIPTORS_H_
