#include "runtime-v1/init/host_connection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <csignal>
#include <vector>

namespace wslm::init {
namespace {

using proto::Frame;
using proto::FrameLink;
using proto::FrameType;

class FakeHandler : public StreamHandler {
 public:
  void OnMessage(const proto::HostMessage& message, size_t cost) override {
    text += message.stdin();
    costs += cost;
  }
  void OnWritable() override { ++writable; }
  void OnGone() override { ++gone; }

  std::string text;
  size_t costs = 0;
  int writable = 0;
  int gone = 0;
};

class HostConnectionTest : public ::testing::Test {
 protected:
  HostConnectionTest()
      : connection_(loop_, "id",
                    {.open =
                         [this](const proto::OpenRequest&, const std::shared_ptr<HostStream>& stream) {
                           streams_.push_back(stream);
                           handlers_.push_back(std::make_shared<FakeHandler>());
                           return handlers_.back();
                         },
                     .closed = [this] { ++closed_; }}) {
    ::signal(SIGPIPE, SIG_IGN);
    loop_.set_after_batch([this] { connection_.Flush(); });
    host_ = NewHost();
  }
  // Connects another host; the one before is replaced.
  std::unique_ptr<FrameLink> NewHost() {
    int fds[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    connection_.Adopt(UniqueFd(fds[1]));
    return std::make_unique<FrameLink>(UniqueFd(fds[0]));
  }
  void Run() {
    host_->Flush();
    loop_.After(std::chrono::milliseconds(20), [this] { loop_.Quit(); });
    loop_.Run();
    host_->Read();
  }
  void SayHello(uint64_t nonce) {
    proto::Hello hello;
    hello.set_nonce(nonce);
    host_->Queue(FrameType::kHello, 0, 0, hello.SerializeAsString());
  }
  void Open(uint32_t stream) { host_->Queue(FrameType::kOpen, 0, stream, proto::OpenRequest().SerializeAsString()); }
  void ExpectAck(uint64_t nonce) {
    Frame frame;
    ASSERT_TRUE(host_->Next(frame));
    ASSERT_EQ(frame.type, FrameType::kHelloAck);
    proto::HelloAck ack;
    ASSERT_TRUE(ack.ParseFromString(frame.payload));
    EXPECT_EQ(ack.nonce(), nonce);
    EXPECT_EQ(ack.role(), proto::PEER_ROLE_INIT);
    EXPECT_THAT(ack.distro_ids(), ::testing::ElementsAre("id"));
  }

  EventLoop loop_;
  HostConnection connection_;
  std::unique_ptr<FrameLink> host_;
  std::vector<std::shared_ptr<HostStream>> streams_;
  std::vector<std::shared_ptr<FakeHandler>> handlers_;
  int closed_ = 0;
};

TEST_F(HostConnectionTest, NothingIsServedBeforeHello) {
  Open(1);
  Run();
  EXPECT_TRUE(handlers_.empty());
  SayHello(7);
  Open(2);
  Run();
  ExpectAck(7);
  EXPECT_EQ(handlers_.size(), 1u);
}

TEST_F(HostConnectionTest, AnotherHelloForgetsTheStreams) {
  SayHello(1);
  Open(1);
  Run();
  ExpectAck(1);
  ASSERT_EQ(handlers_.size(), 1u);
  SayHello(2);
  Run();
  ExpectAck(2);
  EXPECT_EQ(handlers_[0]->gone, 1);
  streams_[0]->End({});
  Run();
  Frame frame;
  EXPECT_FALSE(host_->Next(frame));
}

TEST_F(HostConnectionTest, ANewerConnectionReplacesTheOlder) {
  SayHello(1);
  Open(1);
  Run();
  const std::unique_ptr<FrameLink> old = std::move(host_);
  host_ = NewHost();
  EXPECT_EQ(handlers_[0]->gone, 1);
  SayHello(2);
  Run();
  ExpectAck(2);
  EXPECT_EQ(old->Read(), FrameLink::ReadResult::kEnd);
  EXPECT_EQ(closed_, 0);
}

TEST_F(HostConnectionTest, AHostThatGoesIsToldToAll) {
  SayHello(1);
  Open(1);
  Open(2);
  Run();
  host_ = std::make_unique<FrameLink>(UniqueFd(::dup(0)));
  Run();
  EXPECT_EQ(handlers_[0]->gone + handlers_[1]->gone, 2);
  EXPECT_EQ(closed_, 1);
}

TEST_F(HostConnectionTest, GarbageAfterHelloEndsTheConnection) {
  SayHello(1);
  Run();
  ASSERT_GT(::write(host_->fd(), "not a frame at all", 18), 0);
  Run();
  EXPECT_EQ(closed_, 1);
}

TEST_F(HostConnectionTest, CreditLimitsOutputAndComesBack) {
  SayHello(1);
  Open(1);
  Run();
  HostStream& stream = *streams_[0];
  size_t sent = 0;
  proto::GuestMessage message;
  for (int turn = 0; turn < 100; ++turn) {
    const size_t room = stream.room();
    if (room == 0) {
      // Either the credit or the queue is used up; only the latter comes back by itself.
      Run();
      if (stream.room() == 0) break;
      continue;
    }
    message.set_stdout(std::string(room, 'x'));
    stream.Send(message);
    sent += room;
  }
  EXPECT_GT(sent, proto::kInitialWindow - 8192u);
  EXPECT_LE(sent, size_t{proto::kInitialWindow});
  EXPECT_GT(handlers_[0]->writable, 0);
  EXPECT_GT(stream.in_flight(), sent - 1);
  host_->Queue(FrameType::kWindow, 0, 1, proto::WindowPayload(100'000));
  Run();
  EXPECT_GT(stream.room(), 0u);
}

TEST_F(HostConnectionTest, StdinsCostIsGivenBackInLargePieces) {
  SayHello(1);
  Open(1);
  proto::HostMessage message;
  message.set_stdin("typed");
  host_->Queue(FrameType::kData, 0, 1, message.SerializeAsString());
  Run();
  ExpectAck(1);
  EXPECT_EQ(handlers_[0]->text, "typed");
  EXPECT_EQ(handlers_[0]->costs, message.ByteSizeLong());
  streams_[0]->GiveCredit(1000);
  streams_[0]->GiveCredit(64 * 1024);
  Run();
  Frame frame;
  ASSERT_TRUE(host_->Next(frame));
  EXPECT_EQ(frame.type, FrameType::kWindow);
  EXPECT_EQ(proto::ParseWindowPayload(frame.payload), 1000u + 64 * 1024u);
}

}  // namespace
}  // namespace wslm::init
