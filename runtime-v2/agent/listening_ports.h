// The ports that programs in the VM listen on, from the kernel's /proc/net/tcp, tcp6, udp and udp6
// (proc_net_tcp.txt in the kernel's documentation).
#ifndef WSLM_RUNTIME_V2_AGENT_LISTENING_PORTS_H_
#define WSLM_RUNTIME_V2_AGENT_LISTENING_PORTS_H_

#include <compare>
#include <cstdint>
#include <map>
#include <string_view>

#include "wslm/runtime/v1/runtime.pb.h"

namespace wslm {

// Which addresses are listened on. Of several that listen on one port the first of these counts.
enum class PortScope {
  // All of IPv4, or the VM's own.
  kAll,
  // 127.0.0.1.
  kLoopback,
  // [::]: all of IPv6, and of IPv4 unless the program wanted it otherwise.
  kAllOfIpv6,
  // [::1].
  kIpv6,
};

struct PortUse {
  PortScope scope = PortScope::kAll;
  // The socket's.
  uint64_t inode = 0;

  friend auto operator<=>(const PortUse&, const PortUse&) = default;
};

// By port.
using PortUses = std::map<uint16_t, PortUse>;

// Adds those of the lines of one of the files, but those on other addresses. The kernel lists listeners first; reading
// ends at the first that is none.
void AddListeningPorts(std::string_view lines, PortUses& ports);

// The same for UDP, which has no listeners: those that wait for nobody in particular, on a port below `first_given`, up
// from which are those that the kernel gives to who asks for any. Sockets on [::] are taken to take IPv4, those on
// [::1] are left out.
void AddWaitingPorts(std::string_view lines, uint16_t first_given, PortUses& ports);

// Both by number, the kMostPorts lowest of them.
runtime::v1::PortList LowestPorts(const PortUses& tcp, const PortUses& udp);

}  // namespace wslm

#endif  // WSLM_RUNTIME_V2_AGENT_LISTENING_PORTS_H_
