#include "runtime-v2/agent/init_link.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <string>

#include "wslm/runtime/v1/runtime.pb.h"

namespace wslm {
namespace {

using runtime::v1::FrameType;

TEST(InitLinkTest, ALinkThatBeginsPausedReadsNothingUntilItGoesOn) {
  EventLoop loop;
  const auto run = [&] {
    loop.After(std::chrono::milliseconds(20), [&] { loop.Quit(); });
    loop.Run();
  };
  int ends[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
  const UniqueFd init(ends[1]);
  int ready = 0;
  InitLink link(loop, UniqueFd(ends[0]),
                {.on_ready = [&] { ++ready; }, .on_frame = [](const runtime::v1::Frame&) {}, .on_closed = [] {}});
  link.SetPaused(true);
  ASSERT_TRUE(link.Begin().ok());
  link.SayHello();
  runtime::v1::HelloAck ack;
  ack.set_nonce(1);
  std::string bytes;
  AppendFrame(FrameType::kHelloAck, 0, 0, ack.SerializeAsString(), bytes);
  ASSERT_EQ(::write(init.get(), bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
  run();
  EXPECT_EQ(ready, 0);
  link.SetPaused(false);
  run();
  EXPECT_EQ(ready, 1);
}

}  // namespace
}  // namespace wslm
