#include "runtime-v2/agent/listening_ports.h"

#include <gtest/gtest.h>

namespace wslm {
namespace {

constexpr char kHeading[] = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid\n";

using Scopes = std::map<uint16_t, PortScope>;

Scopes ScopesOf(const PortUses& ports) {
  Scopes scopes;
  for (const auto& [port, use] : ports) scopes[port] = use.scope;
  return scopes;
}

Scopes Read(const std::vector<std::string>& files) {
  PortUses ports;
  for (const std::string& lines : files) AddListeningPorts(kHeading + lines, ports);
  return ScopesOf(ports);
}

TEST(ListeningPortsTest, KnowsWhatIsBoundToWhat) {
  const Scopes expected = {{22, PortScope::kAll}, {80, PortScope::kAll}, {8080, PortScope::kLoopback}};
  EXPECT_EQ(Read({"   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0\n"
                  "   1: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0\n"
                  "   2: 0F02000A:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0\n"}),
            expected);
}

TEST(ListeningPortsTest, KnowsIpv6Sockets) {
  const Scopes expected = {{80, PortScope::kAllOfIpv6}, {81, PortScope::kLoopback}, {82, PortScope::kIpv6}};
  EXPECT_EQ(Read({"   0: 00000000000000000000000000000000:0050 00000000000000000000000000000000:0000 0A 0:0\n"
                  "   1: 0000000000000000FFFF00000100007F:0051 00000000000000000000000000000000:0000 0A 0:0\n"
                  "   2: 00000000000000000000000001000000:0052 00000000000000000000000000000000:0000 0A 0:0\n"}),
            expected);
}

TEST(ListeningPortsTest, LeavesOutAddressesThatTheHostCannotReach) {
  EXPECT_TRUE(Read({"   0: 3500007F:0035 00000000:0000 0A 0:0\n   1: 010011AC:0050 00000000:0000 0A 0:0\n"}).empty());
}

TEST(ListeningPortsTest, OfSeveralThatListenWhatIsOfIpv4CountsFirstAndThenAllAddresses) {
  const std::string loopback = "   0: 0100007F:0050 00000000:0000 0A 0:0\n";
  EXPECT_EQ(Read({loopback + "   1: 00000000:0050 00000000:0000 0A 0:0\n"}), (Scopes{{80, PortScope::kAll}}));
  const std::string all_of_ipv6 = "   0: 00000000000000000000000000000000:0050 0:0 0A 0:0\n";
  EXPECT_EQ(Read({loopback, all_of_ipv6}), (Scopes{{80, PortScope::kLoopback}}));
  EXPECT_EQ(Read({all_of_ipv6 + "   1: 00000000000000000000000001000000:0050 0:0 0A 0:0\n"}),
            (Scopes{{80, PortScope::kAllOfIpv6}}));
}

TEST(ListeningPortsTest, KnowsTheSocketsInode) {
  std::string text = kHeading;
  text += "   0: 0100007F:1F90 00000000:0000 0A 0:0 00:0 0 0 0 4711 1 0 100 0\n";
  PortUses ports;
  AddListeningPorts(text, ports);
  EXPECT_EQ(ports, (PortUses{{8080, {PortScope::kLoopback, 4711}}}));
}

TEST(ListeningPortsTest, EndsAtTheFirstConnectionAndAtWhatItDoesNotKnow) {
  EXPECT_EQ(Read({"   0: 00000000:0050 00000000:0000 0A 0:0\n   1: 0100007F:0051 0100007F:9999 01 0:0\n"
                  "   2: 00000000:0052 00000000:0000 0A 0:0\n"})
                .size(),
            1U);
  EXPECT_TRUE(Read({"   0: 00000000 00000000:0000 0A\n"}).empty());
  EXPECT_TRUE(Read({"   0: 00000000:zz 00000000:0000 0A\n"}).empty());
  EXPECT_TRUE(Read({"   0: 00000000:0050 00000000:0000 0A 0:0 00:0 0 0 0 zz\n"}).empty());
  EXPECT_TRUE(Read({"junk"}).empty());
  PortUses none;
  AddListeningPorts("", none);
  EXPECT_TRUE(none.empty());
}

TEST(ListeningPortsTest, UdpSocketsWaitOnPortsThatWereChosen) {
  PortUses ports;
  AddWaitingPorts(
      "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer "
      "drops\n"
      "  10: 0100007F:1F90 00000000:0000 07 0:0\n  11: 00000000:9C40 00000000:0000 07 0:0\n"
      "  12: 00000000:0045 0200000A:0035 01 0:0\n  13: 00000000:0035 00000000:0000 07 0:0\n"
      "  14: 00000000000000000000000000000000:0036 0:0 07 0:0\n  15: 00000000000000000000000001000000:0037 0:0 07 "
      "0:0\n",
      32768, ports);
  EXPECT_EQ(ScopesOf(ports), (Scopes{{53, PortScope::kAll}, {54, PortScope::kAll}, {8080, PortScope::kLoopback}}));
}

TEST(ListeningPortsTest, TellsTheLowestWhereThereAreVeryMany) {
  PortUses tcp;
  for (uint16_t port = 1000; port < 60'000; ++port) tcp[port] = {};
  const auto list = LowestPorts(tcp, {{53, {}}, {1000, {.scope = PortScope::kLoopback}}, {50'000, {}}});
  ASSERT_EQ(list.ports_size(), 256);
  EXPECT_EQ(list.ports(0).port(), 53U);
  EXPECT_TRUE(list.ports(0).udp());
  EXPECT_FALSE(list.ports(1).udp());
  EXPECT_TRUE(list.ports(2).udp());
  EXPECT_TRUE(list.ports(2).loopback());
  EXPECT_EQ(list.ports(255).port(), 1253U);
  EXPECT_EQ(list.left_out(), 59'000U + 3 - 256);
  EXPECT_EQ(LowestPorts({}, {{53, {}}}).ports_size(), 1);
  EXPECT_EQ(LowestPorts({}, {{53, {}}}).left_out(), 0U);
  EXPECT_EQ(LowestPorts({}, {}).ports_size(), 0);
}

}  // namespace
}  // namespace wslm
