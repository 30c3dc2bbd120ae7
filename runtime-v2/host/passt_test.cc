#include "runtime-v2/host/passt.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <net/ethernet.h>
#include <netinet/if_ether.h>
#include <poll.h>
#include <sys/socket.h>

#include <cstring>

#include "runtime-v2/host/process.h"
#include "runtime-v2/modules/vm_names.h"

namespace wslm {
namespace {

using testing::HasSubstr;

constexpr int kPatienceMs = 20'000;

TEST(PasstTest, IsUsedWhereItIsUnlessTheUserWantsItOtherwise) {
  const bool installed = !FindProgram("passt").empty();
  EXPECT_EQ(ChooseNetwork(UserConfig::Network::kAuto).passt.empty(), !installed);
  EXPECT_EQ(ChooseNetwork(UserConfig::Network::kAuto).reason.empty(), installed);
  EXPECT_EQ(ChooseNetwork(UserConfig::Network::kPasst).reason.empty(), installed);
  EXPECT_EQ(ChooseNetwork(UserConfig::Network::kSlirp).passt, "");
  EXPECT_THAT(ChooseNetwork(UserConfig::Network::kSlirp).reason, HasSubstr("vmNetwork"));
}

TEST(PasstTest, AVmThatGoesOnKeepsItsDevices) {
  EXPECT_NE(NetworkAgain(true).passt, "");
  EXPECT_EQ(NetworkAgain(true).reason, "");
  EXPECT_EQ(NetworkAgain(false).passt, "");
  EXPECT_NE(NetworkAgain(false).reason, "");
}

TEST(PasstTest, IsTheVmsGateway) {
  const std::string program = FindProgram("passt");
  if (program.empty()) GTEST_SKIP() << "passt is not installed";
  const auto start = StartPasst(program);
  ASSERT_TRUE(start.ok()) << start.status();
  ASSERT_TRUE(start->status.ok()) << start->status;
  // As QEMU sends it: the length, then who has the gateway's address?
  struct __attribute__((packed)) {
    uint32_t size = htonl(sizeof(ether_header) + sizeof(ether_arp));
    ether_header ethernet{};
    ether_arp arp{};
  } frame;
  std::memset(frame.ethernet.ether_dhost, 0xff, ETH_ALEN);
  frame.ethernet.ether_type = htons(ETHERTYPE_ARP);
  frame.arp.ea_hdr = {htons(ARPHRD_ETHER), htons(ETHERTYPE_IP), ETH_ALEN, 4, htons(ARPOP_REQUEST)};
  ::inet_pton(AF_INET, kVmAddress, frame.arp.arp_spa);
  ::inet_pton(AF_INET, kPasstGateway, frame.arp.arp_tpa);
  ASSERT_EQ(::send(start->wire.get(), &frame, sizeof frame, MSG_NOSIGNAL), static_cast<ssize_t>(sizeof frame));
  pollfd ready{.fd = start->wire.get(), .events = POLLIN};
  ASSERT_EQ(::poll(&ready, 1, kPatienceMs), 1);
  auto answer = frame;
  ASSERT_EQ(::recv(start->wire.get(), &answer, sizeof answer, MSG_WAITALL), static_cast<ssize_t>(sizeof answer));
  EXPECT_EQ(ntohs(answer.arp.ea_hdr.ar_op), ARPOP_REPLY);
  EXPECT_EQ(std::memcmp(answer.arp.arp_spa, frame.arp.arp_tpa, 4), 0);
}

TEST(PasstTest, OneThatFailsSaysWhyAndNobodyIsAtTheWire) {
  const auto start = StartPasst("/bin/false");
  ASSERT_TRUE(start.ok()) << start.status();
  EXPECT_FALSE(start->status.ok());
  char byte;
  EXPECT_EQ(::recv(start->wire.get(), &byte, 1, 0), 0);
}

TEST(PasstTest, QemuTellsWhetherItIsThere) {
  const std::string nics = "a: index=0,type=nic\r\n \\ net0: index=0,type=user,net=10.0.2.0,restrict=off\r\n";
  EXPECT_TRUE(PasstIsThere(nics + "b: index=0,type=nic\r\n \\ net1: index=0,type=stream,unix:\r\n"));
  EXPECT_FALSE(PasstIsThere(nics + "b: index=0,type=nic\r\n \\ net1: index=0,type=stream,\r\n"));
  EXPECT_FALSE(PasstIsThere(nics));
}

}  // namespace
}  // namespace wslm
