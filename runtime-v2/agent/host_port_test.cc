#include "runtime-v2/agent/host_port.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <optional>
#include <string>
#include <vector>

namespace wslm {
namespace {

using runtime::v1::AppendFrame;
using runtime::v1::Frame;
using runtime::v1::FrameParser;
using runtime::v1::FrameType;
using runtime::v1::Hello;
using runtime::v1::HelloAck;
using runtime::v1::kHeaderSize;
using runtime::v1::kMaxPayload;

std::string Padding() { return std::string(kMaxPayload + kHeaderSize, '\0'); }

std::string HelloBytes(uint64_t nonce) {
  Hello hello;
  hello.set_nonce(nonce);
  std::string bytes = Padding();
  AppendFrame(FrameType::kHello, 0, 0, hello.SerializeAsString(), bytes);
  return bytes;
}

std::string FrameBytes(uint32_t stream, std::string_view payload) {
  std::string bytes;
  AppendFrame(FrameType::kData, 0, stream, payload, bytes);
  return bytes;
}

// A pair of datagram sockets stands for the port and its host: an empty datagram is a read of 0 bytes with more to come
// behind it, and a port that takes no bytes (its host isn't there yet) is a socket whose queue is full.
class HostPortTest : public testing::Test {
 protected:
  HostPortTest() {
    int ends[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
    host_.Reset(ends[0]);
    guest_ = ends[1];
    port_.emplace(loop_, UniqueFd(ends[1]),
                  HostPort::Handlers{.on_hello =
                                         [this](const Hello& hello) {
                                           hellos_.push_back(hello.nonce());
                                           HelloAck ack;
                                           ack.set_nonce(hello.nonce());
                                           port_->SendHelloAck(ack);
                                         },
                                     .on_frame = [this](const Frame& frame) { frames_.push_back(frame.payload); },
                                     .on_drained = [this] { ++drained_; }});
    EXPECT_TRUE(port_->Begin().ok());
  }

  void Say(std::string_view bytes) {
    ASSERT_EQ(::send(host_.get(), bytes.data(), bytes.size(), 0), static_cast<ssize_t>(bytes.size()));
  }
  // Nothing more is there to be read, as when there is no host.
  void SayNothing() {
    ASSERT_EQ(::send(host_.get(), "", 0, 0), 0);
    RunLoop();
  }
  void RunLoop() {
    loop_.After(std::chrono::milliseconds(20), [this] { loop_.Quit(); });
    loop_.Run();
  }
  // The port takes no more bytes until the host reads.
  void Block() {
    while (::send(guest_, "", 0, 0) == 0) {
    }
  }
  // The nonces of the answers that the host hears.
  std::vector<uint64_t> Answers() {
    std::string buffer(1 << 20, '\0');
    std::vector<uint64_t> nonces;
    for (int turn = 0; turn < 5; ++turn) {
      ssize_t got = 0;
      while ((got = ::recv(host_.get(), buffer.data(), buffer.size(), 0)) >= 0) {
        heard_.Feed(std::string_view(buffer.data(), static_cast<size_t>(got)));
      }
      RunLoop();
    }
    Frame frame;
    while (heard_.Next(frame) == FrameParser::Result::kFrame) {
      HelloAck ack;
      if (frame.type == FrameType::kHelloAck && ack.ParseFromString(frame.payload)) nonces.push_back(ack.nonce());
    }
    return nonces;
  }

  EventLoop loop_;
  UniqueFd host_;
  int guest_ = -1;
  FrameParser heard_;
  std::vector<uint64_t> hellos_;
  std::vector<std::string> frames_;
  int drained_ = 0;
  std::optional<HostPort> port_;
};

using Nonces = std::vector<uint64_t>;
using Payloads = std::vector<std::string>;

TEST_F(HostPortTest, AnAbsenceThatIsHeardOfAfterTheNextHostsHelloUndoesNothing) {
  // As a port does: the HELLO is there, its host is not yet said to be, and the absence before it is read last.
  Block();
  Say(HelloBytes(7));
  SayNothing();
  EXPECT_EQ(hellos_, Nonces{7});
  EXPECT_EQ(Answers(), Nonces{7});
  Say(FrameBytes(1, "open"));
  SayNothing();
  EXPECT_EQ(frames_, Payloads{"open"});
}

TEST_F(HostPortTest, AnAbsenceInTheMiddleOfAHelloDoesNotTearIt) {
  const std::string hello = HelloBytes(7);
  Say(hello.substr(0, hello.size() - 4));
  SayNothing();
  Say(hello.substr(hello.size() - 4));
  RunLoop();
  EXPECT_EQ(Answers(), Nonces{7});
}

TEST_F(HostPortTest, ARepeatedHelloIsAnsweredOnceWhileTheAnswerIsOnItsWay) {
  Block();
  Say(HelloBytes(7));
  Say(HelloBytes(7));
  RunLoop();
  EXPECT_EQ(hellos_, Nonces{7});
  EXPECT_EQ(Answers(), Nonces{7});
  // The answer may have been lost.
  Say(HelloBytes(7));
  RunLoop();
  EXPECT_EQ(Answers(), Nonces{7});
}

TEST_F(HostPortTest, TheNewestHostIsAnswered) {
  Block();
  Say(HelloBytes(7));
  Say(HelloBytes(8));
  RunLoop();
  EXPECT_EQ(hellos_, (Nonces{7, 8}));
  EXPECT_EQ(Answers(), Nonces{8});
}

TEST_F(HostPortTest, HalfAFrameOfAHostThatWentIsNotFilledUpByTheNextOnesPadding) {
  Say(HelloBytes(7));
  RunLoop();
  const std::string whole = FrameBytes(1, "whole");
  const std::string half = FrameBytes(1, std::string(1000, 'x'));
  Say(whole + half.substr(0, 500));
  RunLoop();
  EXPECT_EQ(frames_, Payloads{"whole"});
  SayNothing();
  Say(HelloBytes(8));
  Say(FrameBytes(2, "of the next"));
  RunLoop();
  EXPECT_EQ(hellos_, (Nonces{7, 8}));
  EXPECT_EQ(frames_, (Payloads{"whole", "of the next"}));
}

TEST_F(HostPortTest, NothingIsHeardOrSaidBeforeHello) {
  Say(FrameBytes(1, "early"));
  port_->Send(FrameType::kData, 0, 1, "early");
  RunLoop();
  EXPECT_EQ(frames_, Payloads{});
  char byte;
  EXPECT_LT(::recv(host_.get(), &byte, 1, 0), 0);
}

TEST_F(HostPortTest, IsCongestedUntilTheHostTakesWhatIsQueued) {
  Say(HelloBytes(7));
  RunLoop();
  Answers();
  Block();
  for (int i = 0; i < 5; ++i) port_->Send(FrameType::kData, 0, 1, std::string(kMaxPayload, 'x'));
  EXPECT_TRUE(port_->congested());
  SayNothing();
  EXPECT_TRUE(port_->congested());
  Say(HelloBytes(8));
  RunLoop();
  EXPECT_FALSE(port_->congested());
  EXPECT_EQ(drained_, 1);
  EXPECT_EQ(Answers(), Nonces{8});
}

}  // namespace
}  // namespace wslm
