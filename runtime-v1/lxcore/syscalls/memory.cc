// mmap(2), mlock(2), pkeys(7), userfaultfd(2).
#include "runtime-v1/lxcore/syscalls/areas.h"

namespace wslm::lxcore {
namespace {

constexpr Remarks kUsersLimit = {.missing = "beyond the host user's RLIMIT_MEMLOCK it is ENOMEM for root, too"};

}  // namespace

SyscallArea MemoryCalls() {
  return {"Memory",
          {
              Native(9, "mmap"),
              Native(10, "mprotect"),
              Native(11, "munmap"),
              Native(12, "brk"),
              Native(25, "mremap"),
              Native(26, "msync"),
              Native(27, "mincore"),
              Native(28, "madvise"),
              Served(440, "process_madvise", SysTracePidfd),
              Native(216, "remap_file_pages"),
              Native(149, "mlock", kUsersLimit),
              Native(325, "mlock2", kUsersLimit),
              Native(150, "munlock"),
              Native(151, "mlockall", kUsersLimit),
              Native(152, "munlockall"),
              Native(329, "pkey_mprotect"),
              Native(330, "pkey_alloc"),
              Native(331, "pkey_free"),
              Native(447, "memfd_secret"),
              Native(453, "map_shadow_stack"),
              Native(462, "mseal"),
              Native(323, "userfaultfd", {.missing = "faults of the kernel's own are EPERM for root, too"}),
          }};
}

}  // namespace wslm::lxcore
