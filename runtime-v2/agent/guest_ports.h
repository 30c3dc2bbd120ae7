// What programs in the VM listen on, as the host is told it: with ports of IPv6 alone made reachable over IPv4.
#ifndef WSLM_RUNTIME_V2_AGENT_GUEST_PORTS_H_
#define WSLM_RUNTIME_V2_AGENT_GUEST_PORTS_H_

#include <cstdint>
#include <map>

#include "distros/host/event_loop.h"
#include "runtime-v2/agent/ipv6_relay.h"
#include "runtime-v2/agent/listening_ports.h"
#include "wslm/runtime/v1/runtime.pb.h"

namespace wslm {

// Whether who connects to 127.0.0.1:`port` finds somebody of those that listen there, be it one on [::].
bool Ipv4IsTaken(uint16_t port);

// Not thread-safe.
class GuestPorts {
 public:
  explicit GuestPorts(EventLoop& loop) : relay_(loop) {}

  // What there is now; empty when the kernel's files can't be read.
  runtime::v1::PortList Look();
  // Nothing is to be reached any more.
  void Close() { relay_.Serve({}); }

 private:
  void Resolve(PortUses& tcp);

  Ipv6Relay relay_;
  // Of those that listen on [::]: the inode, and whether it takes IPv4. By port.
  struct Known {
    uint64_t inode = 0;
    bool takes_ipv4 = false;
  };
  std::map<uint16_t, Known> known_;
};

}  // namespace wslm

#endif  // WSLM_RUNTIME_V2_AGENT_GUEST_PORTS_H_
