#include "runtime-v1/lxcore/guest_memory.h"

#include <errno.h>
#include <sys/uio.h>

#include <algorithm>
#include <cstring>

namespace wslm::lxcore {
namespace {

constexpr uint64_t kPage = 4096;

int ErrorOf(ssize_t done, size_t size) {
  if (done == static_cast<ssize_t>(size)) return 0;
  return done < 0 && errno != EFAULT ? errno : EFAULT;
}

}  // namespace

int ReadGuest(pid_t tid, uint64_t address, void* to, size_t size) {
  if (size == 0) return 0;
  iovec local{to, size}, remote{reinterpret_cast<void*>(address), size};
  return ErrorOf(::process_vm_readv(tid, &local, 1, &remote, 1, 0), size);
}

int WriteGuest(pid_t tid, uint64_t address, const void* from, size_t size) {
  if (size == 0) return 0;
  iovec local{const_cast<void*>(from), size}, remote{reinterpret_cast<void*>(address), size};
  return ErrorOf(::process_vm_writev(tid, &local, 1, &remote, 1, 0), size);
}

int ReadGuestString(pid_t tid, uint64_t address, size_t limit, std::string& out) {
  out.clear();
  char buffer[kPage];
  // Up to a page's end at a time: the next page may not be mapped.
  while (out.size() < limit) {
    const size_t size = std::min<uint64_t>(kPage - address % kPage, limit - out.size());
    iovec local{buffer, size}, remote{reinterpret_cast<void*>(address), size};
    const ssize_t done = ::process_vm_readv(tid, &local, 1, &remote, 1, 0);
    if (done <= 0) return done < 0 && errno != EFAULT ? errno : EFAULT;
    const char* end = static_cast<const char*>(std::memchr(buffer, 0, done));
    if (end != nullptr) {
      out.append(buffer, end - buffer);
      return 0;
    }
    out.append(buffer, done);
    address += done;
  }
  return ENAMETOOLONG;
}

}  // namespace wslm::lxcore
