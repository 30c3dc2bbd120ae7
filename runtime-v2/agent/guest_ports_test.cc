#include "runtime-v2/agent/guest_ports.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace wslm {
namespace {

// Listens on [::], on a port that the kernel chooses.
UniqueFd Listen(bool ipv6_only, uint16_t& port) {
  UniqueFd listener(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int on = 1;
  const int only = ipv6_only ? 1 : 0;
  ::setsockopt(listener.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  ::setsockopt(listener.get(), IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof only);
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  socklen_t size = sizeof address;
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  EXPECT_EQ(::bind(listener.get(), generic, size), 0);
  EXPECT_EQ(::listen(listener.get(), 5), 0);
  EXPECT_EQ(::getsockname(listener.get(), generic, &size), 0);
  port = ntohs(address.sin6_port);
  return listener;
}

TEST(GuestPortsTest, TellASocketOfIpv6AloneFromOneThatTakesIpv4) {
  uint16_t port = 0;
  const UniqueFd both = Listen(/*ipv6_only=*/false, port);
  EXPECT_TRUE(Ipv4IsTaken(port));
  const UniqueFd one = Listen(/*ipv6_only=*/true, port);
  EXPECT_FALSE(Ipv4IsTaken(port));
}

TEST(GuestPortsTest, WhatIsOfIpv6AloneIsToBeReachedElsewhereAndTheRelayIsNoPortOfAnybodys) {
  EventLoop loop;
  GuestPorts ports(loop);
  uint16_t port = 0;
  const UniqueFd listener = Listen(/*ipv6_only=*/true, port);
  uint32_t at = 0;
  for (int i = 0; i < 2; ++i) {
    bool relay_shown = false;
    const runtime::v1::PortList list = ports.Look();
    for (const auto& one : list.ports()) {
      if (one.udp()) continue;
      if (at != 0) relay_shown = relay_shown || one.port() == at;
      if (one.port() != port) continue;
      EXPECT_TRUE(one.loopback());
      EXPECT_NE(one.at(), 0U);
      at = one.at();
    }
    EXPECT_FALSE(relay_shown);
  }
  EXPECT_NE(at, 0U);
  EXPECT_TRUE(Ipv4IsTaken(static_cast<uint16_t>(at)));
  ports.Close();
  EXPECT_FALSE(Ipv4IsTaken(static_cast<uint16_t>(at)));
}

}  // namespace
}  // namespace wslm
