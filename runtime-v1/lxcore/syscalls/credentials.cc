// credentials(7), capabilities(7).
#include "runtime-v1/lxcore/syscalls/areas.h"

namespace wslm::lxcore {

SyscallArea CredentialCalls() {
  return {"Who one is",
          {
              Served(102, "getuid", SysGetUid),
              Served(104, "getgid", SysGetGid),
              Served(107, "geteuid", SysGetEUid),
              Served(108, "getegid", SysGetEGid),
              Served(118, "getresuid", SysGetResUid),
              Served(120, "getresgid", SysGetResGid),
              Served(105, "setuid", SysSetUid),
              Served(106, "setgid", SysSetGid),
              Served(113, "setreuid", SysSetReUid),
              Served(114, "setregid", SysSetReGid),
              Served(117, "setresuid", SysSetResUid),
              Served(119, "setresgid", SysSetResGid),
              Served(122, "setfsuid", SysSetFsUid),
              Served(123, "setfsgid", SysSetFsGid),
              Served(115, "getgroups", SysGetGroups),
              Served(116, "setgroups", SysSetGroups),
              Served(125, "capget", SysCapGet),
              Served(126, "capset", SysCapSet),
          }};
}

}  // namespace wslm::lxcore
