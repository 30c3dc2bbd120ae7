#include "runtime-v2/agent/ipv6_relay.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <atomic>
#include <functional>
#include <string>
#include <thread>

namespace wslm {
namespace {

constexpr size_t kMuch = size_t{3} << 20;

sockaddr_in Loopback(uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  return address;
}

std::string ReadAll(int fd) {
  std::string text;
  char buffer[65536];
  for (ssize_t count; (count = ::recv(fd, buffer, sizeof buffer, 0)) > 0;)
    text.append(buffer, static_cast<size_t>(count));
  return text;
}

bool WriteAll(int fd, const std::string& text) {
  for (size_t done = 0; done < text.size();) {
    const ssize_t count = ::send(fd, text.data() + done, text.size() - done, MSG_NOSIGNAL);
    if (count <= 0) return false;
    done += static_cast<size_t>(count);
  }
  return true;
}

class Ipv6RelayTest : public testing::Test {
 protected:
  Ipv6RelayTest() : listener_(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in6 address{};
    address.sin6_family = AF_INET6;
    address.sin6_addr = in6addr_loopback;
    socklen_t size = sizeof address;
    auto* const generic = reinterpret_cast<sockaddr*>(&address);
    EXPECT_EQ(::bind(listener_.get(), generic, size), 0);
    EXPECT_EQ(::listen(listener_.get(), 5), 0);
    EXPECT_EQ(::getsockname(listener_.get(), generic, &size), 0);
    port_ = ntohs(address.sin6_port);
    at_ = relay_.Serve({port_})[port_];
    EXPECT_NE(at_, 0);
  }

  // The relay's thread is this one, until `work` on another is done.
  template <class Work>
  void RunWhile(const Work& work) {
    std::thread thread([&] {
      work();
      done_ = true;
    });
    const std::function<void()> look = [&] {
      if (done_) return loop_.Quit();
      loop_.After(std::chrono::milliseconds(1), look);
    };
    loop_.After(std::chrono::milliseconds(0), look);
    loop_.Run();
    thread.join();
  }

  UniqueFd Connect() const {
    UniqueFd client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const sockaddr_in address = Loopback(at_);
    EXPECT_EQ(::connect(client.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    return client;
  }

  EventLoop loop_;
  Ipv6Relay relay_{loop_};
  UniqueFd listener_;
  uint16_t port_ = 0;
  uint16_t at_ = 0;
  std::atomic<bool> done_ = false;
};

TEST_F(Ipv6RelayTest, PassesOnWhatIsSaidBothWaysAndThatOneSideIsDone) {
  const std::string question(kMuch, 'q');
  const std::string answer(kMuch + 1, 'a');
  RunWhile([&] {
    const UniqueFd client = Connect();
    const UniqueFd server(::accept(listener_.get(), nullptr, nullptr));
    std::thread asking([&] {
      EXPECT_TRUE(WriteAll(client.get(), question));
      ::shutdown(client.get(), SHUT_WR);
    });
    EXPECT_EQ(ReadAll(server.get()), question);
    asking.join();
    std::thread answering([&] {
      EXPECT_TRUE(WriteAll(server.get(), answer));
      ::shutdown(server.get(), SHUT_WR);
    });
    EXPECT_EQ(ReadAll(client.get()), answer);
    answering.join();
  });
}

TEST_F(Ipv6RelayTest, HangsUpWhereNobodyListensAnyMore) {
  listener_.Reset();
  RunWhile([&] { EXPECT_EQ(ReadAll(Connect().get()), ""); });
}

TEST_F(Ipv6RelayTest, AConnectionOutlivesThatItsPortIsServed) {
  UniqueFd client;
  UniqueFd server;
  RunWhile([&] {
    client = Connect();
    server.Reset(::accept(listener_.get(), nullptr, nullptr));
  });
  EXPECT_TRUE(relay_.Owns(at_));
  EXPECT_TRUE(relay_.Serve({}).empty());
  EXPECT_FALSE(relay_.Owns(at_));
  done_ = false;
  RunWhile([&] {
    EXPECT_TRUE(WriteAll(server.get(), "still here"));
    server.Reset();
    EXPECT_EQ(ReadAll(client.get()), "still here");
  });
}

}  // namespace
}  // namespace wslm
