#include "distros/host/event_loop.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <cerrno>
#include <string>
#include <vector>

namespace wslm {
namespace {

using std::chrono::milliseconds;

// Two ends of a connection, one of which is watched.
struct Pair {
  Pair() {
    int fds[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
    own.Reset(fds[0]);
    peer.Reset(fds[1]);
  }
  void Feed() { EXPECT_EQ(::write(peer.get(), "x", 1), 1); }
  UniqueFd own;
  UniqueFd peer;
};

class EventLoopTest : public ::testing::Test {
 protected:
  void RunFor(milliseconds time) {
    loop_.After(time, [this] { loop_.Quit(); });
    loop_.Run();
  }
  EventLoop loop_;
};

TEST_F(EventLoopTest, CallsWhileADescriptorIsReadable) {
  Pair pair;
  int calls = 0;
  ASSERT_TRUE(loop_.Watch(pair.own.get(), EPOLLIN, [&](uint32_t events) {
    EXPECT_EQ(events, uint32_t{EPOLLIN});
    if (++calls == 3) loop_.Quit();
  }));
  RunFor(milliseconds(0));
  EXPECT_EQ(calls, 0);
  pair.Feed();
  loop_.Run();
  EXPECT_EQ(calls, 3);
}

TEST_F(EventLoopTest, AnEdgeIsToldOnce) {
  Pair pair;
  int calls = 0;
  ASSERT_TRUE(loop_.Watch(pair.own.get(), EPOLLIN | EPOLLET, [&](uint32_t) { ++calls; }));
  pair.Feed();
  RunFor(milliseconds(5));
  EXPECT_EQ(calls, 1);
}

TEST_F(EventLoopTest, ChangedEventsCountAndNoneMeansNotEvenAHangUp) {
  Pair pair;
  uint32_t seen = 0;
  ASSERT_TRUE(loop_.Watch(pair.own.get(), EPOLLIN, [&](uint32_t events) { seen |= events; }));
  loop_.Change(pair.own.get(), EPOLLOUT);
  pair.Feed();
  RunFor(milliseconds(5));
  EXPECT_EQ(seen, uint32_t{EPOLLOUT});
  loop_.Change(pair.own.get(), 0);
  pair.peer.Reset();
  seen = 0;
  RunFor(milliseconds(5));
  EXPECT_EQ(seen, 0u);
  loop_.Change(pair.own.get(), EPOLLIN);
  RunFor(milliseconds(5));
  EXPECT_EQ(seen, uint32_t{EPOLLIN | EPOLLHUP});
}

TEST_F(EventLoopTest, ASecondWatchReplacesTheFirst) {
  Pair pair;
  int first = 0;
  int second = 0;
  ASSERT_TRUE(loop_.Watch(pair.own.get(), EPOLLIN, [&](uint32_t) { ++first; }));
  ASSERT_TRUE(loop_.Watch(pair.own.get(), EPOLLIN | EPOLLET, [&](uint32_t) { ++second; }));
  pair.Feed();
  RunFor(milliseconds(5));
  EXPECT_EQ(first, 0);
  EXPECT_EQ(second, 1);
}

TEST_F(EventLoopTest, SaysWhatCannotBeWatched) {
  EXPECT_FALSE(loop_.Watch(-1, EPOLLIN, [](uint32_t) {}));
  EXPECT_EQ(errno, EBADF);
  const UniqueFd folder(::open("/", O_RDONLY | O_CLOEXEC));
  EXPECT_FALSE(loop_.Watch(folder.get(), EPOLLIN, [](uint32_t) {}));
  EXPECT_EQ(errno, EPERM);
}

TEST_F(EventLoopTest, ACallbackMayForgetItself) {
  Pair pair;
  const auto held = std::make_shared<int>(0);
  ASSERT_TRUE(loop_.Watch(pair.own.get(), EPOLLIN, [this, &pair, held](uint32_t) {
    loop_.Forget(pair.own.get());
    // The callback outlives its own end.
    ++*held;
  }));
  pair.Feed();
  RunFor(milliseconds(5));
  EXPECT_EQ(*held, 1);
  EXPECT_EQ(held.use_count(), 1);
}

TEST_F(EventLoopTest, AReusedNumberDoesNotGetTheEventsOfItsPredecessor) {
  Pair pairs[2];
  Pair newer;
  int calls = 0;
  int wrong = 0;
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(loop_.Watch(pairs[i].own.get(), EPOLLIN, [&, i](uint32_t) {
      ++calls;
      loop_.Forget(pairs[i].own.get());
      // Both are in the batch; the other's number becomes a descriptor that has nothing to read.
      const int other = pairs[1 - i].own.get();
      loop_.Forget(other);
      ASSERT_EQ(::dup3(newer.own.get(), other, O_CLOEXEC), other);
      ASSERT_TRUE(loop_.Watch(other, EPOLLIN, [&](uint32_t) { ++wrong; }));
    }));
    pairs[i].Feed();
  }
  RunFor(milliseconds(5));
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(wrong, 0);
}

TEST_F(EventLoopTest, TimersRunInTheirOrder) {
  std::vector<int> order;
  loop_.After(milliseconds(20), [&] { order.push_back(3); });
  loop_.After(milliseconds(5), [&] { order.push_back(2); });
  loop_.After(milliseconds(0), [&] {
    order.push_back(1);
    loop_.After(milliseconds(50), [this] { loop_.Quit(); });
  });
  loop_.Run();
  EXPECT_THAT(order, ::testing::ElementsAre(1, 2, 3));
}

TEST_F(EventLoopTest, ADelayBeyondAllTimeIsNotDueAtOnce) {
  int calls = 0;
  loop_.After(milliseconds::max(), [&] { ++calls; });
  RunFor(milliseconds(20));
  EXPECT_EQ(calls, 0);
}

TEST_F(EventLoopTest, ACancelledTimerIsNotCalled) {
  int calls = 0;
  const EventLoop::Timer early = loop_.After(milliseconds(0), [&] { ++calls; });
  EventLoop::Timer late = 0;
  late = loop_.After(milliseconds(10), [&] { ++calls; });
  loop_.After(milliseconds(5), [&] {
    loop_.Cancel(late);
    // Was called, and none.
    loop_.Cancel(early);
    loop_.Cancel(0);
  });
  RunFor(milliseconds(20));
  EXPECT_EQ(calls, 1);
}

TEST_F(EventLoopTest, TellsTheEndOfABatchBeforeItWaits) {
  Pair pair;
  std::vector<std::string> order;
  loop_.set_after_batch([&] {
    order.push_back("end");
    if (order.size() > 1) loop_.Quit();
  });
  ASSERT_TRUE(loop_.Watch(pair.own.get(), EPOLLIN, [&](uint32_t) { order.push_back("event"); }));
  pair.Feed();
  loop_.Run();
  EXPECT_THAT(order, ::testing::ElementsAre("end", "event", "end"));
}

}  // namespace
}  // namespace wslm
