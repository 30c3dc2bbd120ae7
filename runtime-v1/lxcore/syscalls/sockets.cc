// socket(7), unix(7).
#include <sys/socket.h>

#include "runtime-v1/lxcore/syscalls/areas.h"

namespace wslm::lxcore {
namespace {

constexpr Remarks kReceivedIds = {
    .missing = "SCM_CREDENTIALS show 0:0 to who waits with MSG_WAITALL, or for several messages"};

}  // namespace

SyscallArea SocketCalls() {
  return {"Sockets",
          {
              ServedIfOneOf(41, "socket", SysSocket, 1,
                            {SOCK_RAW, SOCK_RAW | SOCK_CLOEXEC, SOCK_RAW | SOCK_NONBLOCK,
                             SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK},
                            {.missing = "raw and packet sockets of the host's network are EPERM"}),
              Native(53, "socketpair"),
              Served(49, "bind", SysBind, {.missing = "ports below ip_unprivileged_port_start are EACCES"}),
              Served(42, "connect", SysConnect),
              Served(50, "listen", SysListen),
              Native(43, "accept"),
              Native(288, "accept4"),
              Native(48, "shutdown"),
              Native(51, "getsockname"),
              Native(52, "getpeername"),
              // With an address: its length isn't 0.
              ServedIfAnyBit(44, "sendto", SysSendTo, 5, UINT32_MAX),
              Served(46, "sendmsg", SysSendMsg),
              Served(307, "sendmmsg", SysSendMMsg),
              Native(45, "recvfrom"),
              Served(47, "recvmsg", SysRecvMsg, kReceivedIds),
              Served(299, "recvmmsg", SysRecvMMsg, kReceivedIds),
              ServedIfOneOf(55, "getsockopt", SysGetSockOpt, 2, {SO_PEERCRED, SO_PEERGROUPS},
                            {.note = "a peer is who it was when it last connected or listened"}),
              Native(54, "setsockopt", {.missing = "what needs the host's CAP_NET_ADMIN is EPERM"}),
          }};
}

}  // namespace wslm::lxcore
