// The ports that programs in the VM listen on, from the kernel's /proc/net/tcp, tcp6, udp and udp6
// (proc_net_tcp.txt in the kernel's documentation).
#ifndef WSLM_RUNTIME_V2_AGENT_LISTENING_PORTS_H_
#define WSLM_RUNTIME_V2_AGENT_LISTENING_PORTS_H_

#include <cstdint>
#include <map>
#include <string_view>

#include "wslm/runtime/v1/runtime.pb.h"

namespace wslm {

// Whether only 127.0.0.1 is listened on, by port.
using PortScopes = std::map<uint16_t, bool>;

// Adds those of the lines of one of the files: what is bound to all addresses, to the VM's own or to 127.0.0.1. The
// kernel lists listeners first; reading ends at the first that is none.
void AddListeningPorts(std::string_view lines, PortScopes& ports);

// The same for UDP, which has no listeners: those that wait for nobody in particular, on a port below `first_given`, up
// from which are those that the kernel gives to who asks for any.
void AddWaitingPorts(std::string_view lines, uint16_t first_given, PortScopes& ports);

// Both by number, the kMostPorts lowest of them.
runtime::v1::PortList LowestPorts(const PortScopes& tcp, const PortScopes& udp);

// That of what there is now; empty when the files can't be read.
runtime::v1::PortList ListeningPorts();

}  // namespace wslm

#endif  // WSLM_RUNTIME_V2_AGENT_LISTENING_PORTS_H_
