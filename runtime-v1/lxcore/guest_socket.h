// A guest's descriptors in lxcore's hands.
#ifndef WSLM_RUNTIME_V1_LXCORE_GUEST_SOCKET_H_
#define WSLM_RUNTIME_V1_LXCORE_GUEST_SOCKET_H_

#include "distros/host/unique_fd.h"
#include "runtime-v1/lxcore/call.h"

namespace wslm::lxcore {

// A copy of a descriptor of the caller's, of the same open file; none, with errno set, when there is none. Costs some
// 5 µs.
UniqueFd CopyOfGuestSocket(const Call& call, int fd);

}  // namespace wslm::lxcore

#endif  // WSLM_RUNTIME_V1_LXCORE_GUEST_SOCKET_H_
