// Reading and writing the memory of a guest thread. Answers are 0 or an errno.
//
// What is read may change at once (other threads of the guest): decide on the copy. A copy may also be of another
// process that got the dead thread's id: before a side effect ask Call::StillWaiting.
#ifndef WSLM_RUNTIME_V1_LXCORE_GUEST_MEMORY_H_
#define WSLM_RUNTIME_V1_LXCORE_GUEST_MEMORY_H_

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <string>

namespace wslm::lxcore {

// EFAULT when not all of it is there.
int ReadGuest(pid_t tid, uint64_t address, void* to, size_t size);
int WriteGuest(pid_t tid, uint64_t address, const void* from, size_t size);
// A string that ends in NUL, of less than `limit` bytes; ENAMETOOLONG when it is longer.
int ReadGuestString(pid_t tid, uint64_t address, size_t limit, std::string& out);

}  // namespace wslm::lxcore

#endif  // WSLM_RUNTIME_V1_LXCORE_GUEST_MEMORY_H_
