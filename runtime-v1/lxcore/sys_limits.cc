// Calls that a kernel of its own would answer otherwise (limits.h). They fail as in a container.
#include "runtime-v1/lxcore/sys_limits.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/capability.h>
#include <linux/magic.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <charconv>

#include "runtime-v1/lxcore/guest_memory.h"
#include "runtime-v1/lxcore/guest_socket.h"
#include "runtime-v1/lxcore/handlers.h"
#include "runtime-v1/lxcore/limits.h"
#include "runtime-v1/lxcore/process_facts.h"

namespace wslm::lxcore {
namespace {

constexpr int kTypeMask = 0xf;  // SOCK_TYPE_MASK

int FirstFreePort() {
  const std::string text = ReadProcFile(AT_FDCWD, "sys/net/ipv4/ip_unprivileged_port_start");
  int port = IPPORT_RESERVED;
  std::from_chars(text.data(), text.data() + text.size(), port);
  return port;
}

}  // namespace

Reply SysSocket(Kernel& k, const Call& call) {
  const int family = call.int_arg(0);
  const Credentials& c = k.CredentialsOf(call);
  if (family == AF_NETLINK && call.int_arg(2) == NETLINK_NETFILTER) {
    if (c.Has(CAP_NET_ADMIN) && k.limits.IsInHostsNetwork(call)) k.limits.Reached(call, Limit::kNetfilter);
    return Reply::Continue();
  }
  const bool raw = family == AF_PACKET || ((family == AF_INET || family == AF_INET6) && call.int_arg(2) != 0);
  if (!raw || (call.int_arg(1) & kTypeMask) != SOCK_RAW) return Reply::Continue();
  if (!c.HasHere(CAP_NET_RAW)) return Reply::Error(EPERM);
  if (c.Has(CAP_NET_RAW) && k.limits.IsInHostsNetwork(call)) k.limits.Reached(call, Limit::kRawSockets);
  return Reply::Continue();
}

Reply ChangeInterface(Kernel& k, const Call& call) {
  const Credentials& c = k.CredentialsOf(call);
  if (!c.HasHere(CAP_NET_ADMIN)) return Reply::Error(EPERM);
  if (c.Has(CAP_NET_ADMIN) && k.limits.IsInHostsNetwork(call)) k.limits.Reached(call, Limit::kInterfaces);
  return Reply::Continue();
}

Reply SysHostsKernel(Kernel& k, const Call& call) {
  const Credentials& c = k.CredentialsOf(call);
  switch (call.number()) {
    case SYS_init_module:
    case SYS_finit_module:
    case SYS_delete_module:
      if (c.Has(CAP_SYS_MODULE)) k.limits.Reached(call, Limit::kModules);
      break;
    case SYS_swapon:
    case SYS_swapoff:
      if (c.Has(CAP_SYS_ADMIN)) k.limits.Reached(call, Limit::kBlockDevices);
      break;
    default:
      if (c.Has(CAP_SYS_TIME)) k.limits.Reached(call, Limit::kClock);
  }
  return Reply::Error(EPERM);
}

int BindPort(Kernel& k, const Call& call, uint16_t port) {
  if (port == 0 || port >= FirstFreePort()) return 0;
  const Credentials& c = k.CredentialsOf(call);
  if (!c.HasHere(CAP_NET_BIND_SERVICE)) return EACCES;
  if (c.Has(CAP_NET_BIND_SERVICE) && k.limits.IsInHostsNetwork(call)) k.limits.Reached(call, Limit::kLowPorts);
  return 0;
}

void LookAtNewFolder(Kernel& k, const Call& call, const std::string& parent) {
  struct statfs where;
  if (!k.CredentialsOf(call).Has(CAP_SYS_ADMIN) || ::statfs(parent.c_str(), &where) != 0) return;
  if (where.f_type != CGROUP_SUPER_MAGIC && where.f_type != CGROUP2_SUPER_MAGIC) return;
  // The host may have given it to its user.
  if (::access(parent.c_str(), W_OK) != 0) k.limits.Reached(call, Limit::kControlGroups);
}

void LookAtNetlink(Kernel& k, const Call& call, uint64_t text) {
  nlmsghdr header;
  if (ReadGuest(call.tid(), text, &header, sizeof(header)) != 0) return;
  // Each kind of thing has four messages in a row, the third of which asks.
  constexpr int kKinds = 4, kGet = 2;
  if (header.nlmsg_type < RTM_BASE || header.nlmsg_type > RTM_MAX || header.nlmsg_type % kKinds == kGet) return;
  if (!k.CredentialsOf(call).Has(CAP_NET_ADMIN) || !k.limits.IsInHostsNetwork(call)) return;
  const UniqueFd socket = CopyOfGuestSocket(call, call.int_arg(0));
  int protocol = -1;
  socklen_t size = sizeof(protocol);
  if (!socket || ::getsockopt(socket.get(), SOL_SOCKET, SO_PROTOCOL, &protocol, &size) != 0) return;
  if (protocol == NETLINK_ROUTE) k.limits.Reached(call, Limit::kInterfaces);
}

}  // namespace wslm::lxcore
