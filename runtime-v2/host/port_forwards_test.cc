#include "runtime-v2/host/port_forwards.h"

#include <gtest/gtest.h>

namespace wslm {
namespace {

TEST(PortsToForwardTest, AreTheLowestOfAsManyAsTheVmMaySay) {
  runtime::v1::PortList list;
  for (uint32_t port = 70'000; port-- > 0;) list.add_ports()->set_port(port);
  auto& udp = *list.add_ports();
  udp.set_port(1);
  udp.set_udp(true);
  udp.set_loopback(true);
  const VmPorts ports = PortsToForward(list);
  ASSERT_EQ(ports.size(), 256U);
  EXPECT_EQ(ports.begin()->first, (VmPort{1, false}));
  EXPECT_EQ(ports.at({1, false}), (VmPortEnd{false, 1}));
  EXPECT_EQ(ports.at({1, true}), (VmPortEnd{true, 1}));
  EXPECT_EQ(ports.rbegin()->first, (VmPort{255, false}));
}

TEST(PortsToForwardTest, MayBeReachedAtOthers) {
  runtime::v1::PortList list;
  auto& port = *list.add_ports();
  port.set_port(80);
  port.set_loopback(true);
  port.set_at(40'000);
  auto& wrong = *list.add_ports();
  wrong.set_port(81);
  wrong.set_at(70'000);
  EXPECT_EQ(PortsToForward(list), (VmPorts{{{80, false}, {true, 40'000}}}));
}

}  // namespace
}  // namespace wslm
