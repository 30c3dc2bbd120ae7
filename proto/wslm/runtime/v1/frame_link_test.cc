#include "wslm/runtime/v1/frame_link.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <csignal>

namespace wslm::runtime::v1 {
namespace {

using ReadResult = FrameLink::ReadResult;

class FrameLinkTest : public ::testing::Test {
 protected:
  FrameLinkTest() {
    ::signal(SIGPIPE, SIG_IGN);
    int fds[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    peer_.Reset(fds[0]);
    own_.Reset(fds[1]);
  }
  UniqueFd peer_;
  UniqueFd own_;
};

TEST_F(FrameLinkTest, CarriesMoreThanTheSocketHoldsWithoutBlocking) {
  FrameLink writer(std::move(own_));
  FrameLink reader(std::move(peer_));
  for (uint32_t i = 1; i <= 100; ++i) writer.Queue(FrameType::kData, 0, i, std::string(kMaxPayload, 'x'));
  ASSERT_TRUE(writer.Flush());
  EXPECT_GT(writer.backlog(), 0u);
  uint32_t seen = 0;
  for (int turn = 0; turn < 10'000 && seen < 100; ++turn) {
    ASSERT_NE(reader.Read(), ReadResult::kEnd);
    Frame frame;
    while (reader.Next(frame)) EXPECT_EQ(frame.stream, ++seen);
    ASSERT_TRUE(writer.Flush());
  }
  EXPECT_EQ(seen, 100u);
  EXPECT_EQ(writer.backlog(), 0u);
}

TEST_F(FrameLinkTest, TellsNothingNowFromTheEnd) {
  FrameLink link(std::move(own_));
  EXPECT_EQ(link.Read(), ReadResult::kNothingNow);
  peer_.Reset();
  EXPECT_EQ(link.Read(), ReadResult::kEnd);
  link.Queue(FrameType::kWindow, 0, 1, WindowPayload(1));
  EXPECT_FALSE(link.Flush());
}

TEST_F(FrameLinkTest, GarbageIsDroppedUntilHelloAndCorruptAfterIt) {
  FrameLink link(std::move(own_));
  std::string bytes = "garbage";
  AppendFrame(FrameType::kHello, 0, 0, "", bytes);
  bytes += "garbage";
  ASSERT_EQ(::write(peer_.get(), bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
  ASSERT_EQ(link.Read(), ReadResult::kSome);
  Frame frame;
  ASSERT_TRUE(link.Next(frame));
  EXPECT_EQ(frame.type, FrameType::kHello);
  link.set_resync(false);
  // Fewer bytes than a header may still become one.
  EXPECT_FALSE(link.Next(frame));
  EXPECT_FALSE(link.corrupt());
  ASSERT_EQ(::write(peer_.get(), "more garbage", 12), 12);
  ASSERT_EQ(link.Read(), ReadResult::kSome);
  EXPECT_FALSE(link.Next(frame));
  EXPECT_TRUE(link.corrupt());
}

TEST_F(FrameLinkTest, AfterRestartTheNextHostUnderstandsInSpiteOfHalfAFrame) {
  FrameLink link(std::move(own_));
  FrameLink host(std::move(peer_));
  for (int i = 0; i < 100; ++i) link.Queue(FrameType::kData, 0, 1, std::string(kMaxPayload, 'x'));
  ASSERT_TRUE(link.Flush());
  link.Restart();
  link.Queue(FrameType::kHelloAck, 0, 0, "ack");
  Frame frame = {.type = FrameType::kData};
  for (int turn = 0; turn < 10'000 && frame.type != FrameType::kHelloAck; ++turn) {
    ASSERT_TRUE(link.Flush());
    ASSERT_NE(host.Read(), ReadResult::kEnd);
    while (frame.type != FrameType::kHelloAck && host.Next(frame)) {
    }
  }
  EXPECT_EQ(frame.type, FrameType::kHelloAck);
  EXPECT_EQ(frame.payload, "ack");
}

TEST_F(FrameLinkTest, ARestartKeepsWhatWasRead) {
  FrameLink link(std::move(own_));
  std::string bytes;
  for (uint32_t host = 1; host <= 2; ++host) AppendFrame(FrameType::kHello, 0, host, "", bytes);
  ASSERT_EQ(::write(peer_.get(), bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
  ASSERT_EQ(link.Read(), ReadResult::kSome);
  Frame frame;
  ASSERT_TRUE(link.Next(frame));
  link.Restart();
  ASSERT_TRUE(link.Next(frame));
  EXPECT_EQ(frame.stream, 2u);
}

TEST_F(FrameLinkTest, TellsAFrameThatPaddingFollows) {
  FrameLink link(std::move(own_));
  std::string bytes;
  AppendFrame(FrameType::kData, 0, 1, "first", bytes);
  AppendFrame(FrameType::kData, 0, 1, "second", bytes);
  bytes.resize(bytes.size() - 3);
  bytes.append(kMaxPayload + kHeaderSize, '\0');
  ASSERT_EQ(::write(peer_.get(), bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
  ASSERT_EQ(link.Read(), ReadResult::kSome);
  Frame frame;
  ASSERT_TRUE(link.Next(frame));
  EXPECT_FALSE(link.before_padding());
  ASSERT_TRUE(link.Next(frame));
  EXPECT_EQ(frame.payload, std::string("sec") + std::string(3, '\0'));
  EXPECT_TRUE(link.before_padding());
  EXPECT_FALSE(link.Next(frame));
  EXPECT_FALSE(link.before_padding());
}

}  // namespace
}  // namespace wslm::runtime::v1
