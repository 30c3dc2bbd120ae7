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
  EXPECT_TRUE(ports.at({1, true}));
  EXPECT_EQ(ports.rbegin()->first, (VmPort{255, false}));
}

}  // namespace
}  // namespace wslm
