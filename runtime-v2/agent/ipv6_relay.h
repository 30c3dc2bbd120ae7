// Ports of the VM's [::1] made reachable over IPv4, which is all that QEMU's user network passes on.
//
//   Ipv6Relay relay(loop);
//   for (const auto& [port, at] : relay.Serve({8080})) …   // who connects to 127.0.0.1:at talks to [::1]:port
//
// It listens on ports that the kernel gives it, not on those that it serves: programs can still have these of IPv4.
#ifndef WSLM_RUNTIME_V2_AGENT_IPV6_RELAY_H_
#define WSLM_RUNTIME_V2_AGENT_IPV6_RELAY_H_

#include <cstdint>
#include <map>
#include <memory>
#include <set>

#include "distros/host/event_loop.h"
#include "distros/host/unique_fd.h"

namespace wslm {

// Not thread-safe.
class Ipv6Relay {
 public:
  explicit Ipv6Relay(EventLoop& loop);
  ~Ipv6Relay();

  // Serves these ports from now on and no others; connections go on. Answers where each is served, without those for
  // which there was no socket to be had.
  std::map<uint16_t, uint16_t> Serve(const std::set<uint16_t>& ports);
  // Whether it is the relay itself that listens there.
  bool Owns(uint16_t port) const;

 private:
  struct Listener {
    UniqueFd socket;
    // Where it listens.
    uint16_t at = 0;
  };
  class Connection;

  bool Listen(uint16_t port);
  void StopListening(uint16_t port);
  void Accept(uint16_t port);

  EventLoop& loop_;
  // By the port that is served.
  std::map<uint16_t, Listener> listeners_;
  std::map<const Connection*, std::unique_ptr<Connection>> connections_;
};

}  // namespace wslm

#endif  // WSLM_RUNTIME_V2_AGENT_IPV6_RELAY_H_
