// What is kept of a file: chmod(2), chown(2), utimensat(2), xattr(7).
#include <errno.h>

#include "runtime-v1/lxcore/syscalls/areas.h"

namespace wslm::lxcore {
namespace {

constexpr char kOlderForm[] = "C libraries fall back to the older form";

}  // namespace

SyscallArea AttributeCalls() {
  return {"Owners, modes, times, extended attributes",
          {
              Served(90, "chmod", SysChmod),
              Served(91, "fchmod", SysFChmod),
              Served(268, "fchmodat", SysFChmodAt),
              Served(452, "fchmodat2", SysFChmodAt2),
              Served(92, "chown", SysChown),
              Served(93, "fchown", SysFChown),
              Served(94, "lchown", SysLChown),
              Served(260, "fchownat", SysFChownAt),
              Served(132, "utime", SysUTime),
              Served(235, "utimes", SysUTimes),
              Served(261, "futimesat", SysFUTimesAt),
              Served(280, "utimensat", SysUTimeNsAt),
              Served(191, "getxattr", SysGetXattr),
              Served(192, "lgetxattr", SysLGetXattr),
              Served(193, "fgetxattr", SysFGetXattr),
              Served(188, "setxattr", SysSetXattr),
              Served(189, "lsetxattr", SysLSetXattr),
              Served(190, "fsetxattr", SysFSetXattr),
              Served(194, "listxattr", SysListXattr),
              Served(195, "llistxattr", SysLListXattr),
              Served(196, "flistxattr", SysFListXattr),
              Served(197, "removexattr", SysRemoveXattr),
              Served(198, "lremovexattr", SysLRemoveXattr),
              Served(199, "fremovexattr", SysFRemoveXattr),
              Refused(463, "setxattrat", ENOSYS, kOlderForm),
              Refused(464, "getxattrat", ENOSYS, kOlderForm),
              Refused(465, "listxattrat", ENOSYS, kOlderForm),
              Refused(466, "removexattrat", ENOSYS, kOlderForm),
              Refused(468, "file_getattr", ENOSYS, kOlderForm),
              Refused(469, "file_setattr", ENOSYS, kOlderForm),
          }};
}

}  // namespace wslm::lxcore
