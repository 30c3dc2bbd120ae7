#include "runtime-v2/agent/listening_ports.h"

#include <gtest/gtest.h>

namespace wslm {
namespace {

constexpr char kHeading[] = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid\n";

PortScopes Read(const std::string& lines, PortScopes ports = {}) {
  std::string text = kHeading;
  text.append(lines);
  AddListeningPorts(text, ports);
  return ports;
}

TEST(ListeningPortsTest, KnowsWhatIsBoundToWhat) {
  const PortScopes expected = {{22, false}, {80, false}, {8080, true}};
  EXPECT_EQ(Read("   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0\n"
                 "   1: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0\n"
                 "   2: 0F02000A:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0\n"),
            expected);
}

TEST(ListeningPortsTest, KnowsIpv6SocketsThatTakeIpv4) {
  const PortScopes expected = {{80, false}, {81, true}};
  EXPECT_EQ(Read("   0: 00000000000000000000000000000000:0050 00000000000000000000000000000000:0000 0A 0:0\n"
                 "   1: 0000000000000000FFFF00000100007F:0051 00000000000000000000000000000000:0000 0A 0:0\n"
                 "   2: 00000000000000000000000001000000:0052 00000000000000000000000000000000:0000 0A 0:0\n"),
            expected);
}

TEST(ListeningPortsTest, LeavesOutAddressesThatTheHostCannotReach) {
  EXPECT_TRUE(Read("   0: 3500007F:0035 00000000:0000 0A 0:0\n   1: 010011AC:0050 00000000:0000 0A 0:0\n").empty());
}

TEST(ListeningPortsTest, AllAddressesCountMoreThanLoopback) {
  const PortScopes loopback = Read("   0: 0100007F:0050 00000000:0000 0A 0:0\n");
  EXPECT_EQ(Read("   0: 00000000000000000000000000000000:0050 0:0 0A 0:0\n", loopback), (PortScopes{{80, false}}));
}

TEST(ListeningPortsTest, EndsAtTheFirstConnectionAndAtWhatItDoesNotKnow) {
  EXPECT_EQ(Read("   0: 00000000:0050 00000000:0000 0A 0:0\n   1: 0100007F:0051 0100007F:9999 01 0:0\n"
                 "   2: 00000000:0052 00000000:0000 0A 0:0\n")
                .size(),
            1U);
  EXPECT_TRUE(Read("   0: 00000000 00000000:0000 0A\n").empty());
  EXPECT_TRUE(Read("   0: 00000000:zz 00000000:0000 0A\n").empty());
  EXPECT_TRUE(Read("junk").empty());
  PortScopes none;
  AddListeningPorts("", none);
  EXPECT_TRUE(none.empty());
}

TEST(ListeningPortsTest, UdpSocketsWaitOnPortsThatWereChosen) {
  PortScopes ports;
  AddWaitingPorts(
      "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer "
      "drops\n"
      "  10: 0100007F:1F90 00000000:0000 07 0:0\n  11: 00000000:9C40 00000000:0000 07 0:0\n"
      "  12: 00000000:0045 0200000A:0035 01 0:0\n  13: 00000000:0035 00000000:0000 07 0:0\n",
      32768, ports);
  EXPECT_EQ(ports, (PortScopes{{53, false}, {8080, true}}));
}

TEST(ListeningPortsTest, TellsTheLowestWhereThereAreVeryMany) {
  PortScopes tcp;
  for (uint16_t port = 1000; port < 60'000; ++port) tcp[port] = false;
  const auto list = LowestPorts(tcp, {{53, false}, {1000, true}, {50'000, false}});
  ASSERT_EQ(list.ports_size(), 256);
  EXPECT_EQ(list.ports(0).port(), 53U);
  EXPECT_TRUE(list.ports(0).udp());
  EXPECT_FALSE(list.ports(1).udp());
  EXPECT_TRUE(list.ports(2).udp());
  EXPECT_TRUE(list.ports(2).loopback());
  EXPECT_EQ(list.ports(255).port(), 1253U);
  EXPECT_EQ(list.left_out(), 59'000U + 3 - 256);
  EXPECT_EQ(LowestPorts({}, {{53, false}}).ports_size(), 1);
  EXPECT_EQ(LowestPorts({}, {{53, false}}).left_out(), 0U);
  EXPECT_EQ(LowestPorts({}, {}).ports_size(), 0);
}

}  // namespace
}  // namespace wslm
