// socket(7), unix(7).
#include <sys/socket.h>

#include "runtime-v1/lxcore/syscalls/areas.h"

namespace wslm::lxcore {
namespace {

constexpr Remarks kReceivedIds = {.missing = "received SCM_CREDENTIALS show 0:0"};

}  // namespace

SyscallArea SocketCalls() {
  return {"Sockets",
          {
              Native(41, "socket", {.missing = "raw and packet sockets of the host's network are EPERM"}),
              Native(53, "socketpair"),
              Served(49, "bind", SysBind, {.missing = "ports below ip_unprivileged_port_start are EACCES"}),
              Served(42, "connect", SysConnect),
              Native(50, "listen"),
              Native(43, "accept"),
              Native(288, "accept4"),
              Native(48, "shutdown"),
              Native(51, "getsockname"),
              Native(52, "getpeername"),
              // With an address: its length isn't 0.
              ServedIfAnyBit(44, "sendto", SysSendTo, 5, UINT32_MAX),
              Served(46, "sendmsg", SysSendMsg, kReceivedIds),
              Served(307, "sendmmsg", SysSendMMsg, kReceivedIds),
              Native(45, "recvfrom"),
              Native(47, "recvmsg", kReceivedIds),
              Native(299, "recvmmsg", kReceivedIds),
              ServedIfOneOf(55, "getsockopt", SysGetSockOpt, 2, {SO_PEERCRED},
                            {.missing = "SO_PEERCRED tells who the peer is now, SO_PEERGROUPS the host's groups"}),
              Native(54, "setsockopt", {.missing = "what needs the host's CAP_NET_ADMIN is EPERM"}),
          }};
}

}  // namespace wslm::lxcore
