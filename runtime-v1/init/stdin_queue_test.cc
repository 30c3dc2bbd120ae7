#include "runtime-v1/init/stdin_queue.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>

#include "distros/host/unique_fd.h"

namespace wslm::init {
namespace {

class StdinQueueTest : public ::testing::Test {
 protected:
  StdinQueueTest() {
    ::signal(SIGPIPE, SIG_IGN);
    int fds[2];
    EXPECT_EQ(::pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
    read_.Reset(fds[0]);
    write_.Reset(fds[1]);
  }
  size_t ReadAll() {
    std::string buffer(1024 * 1024, '\0');
    const ssize_t got = ::read(read_.get(), buffer.data(), buffer.size());
    return got < 0 ? 0 : static_cast<size_t>(got);
  }
  UniqueFd read_;
  UniqueFd write_;
};

TEST_F(StdinQueueTest, GivesCreditBackOnlyForWhatWasWritten) {
  StdinQueue queue;
  queue.Take(std::string(50'000, 'a'), 50'004);
  queue.Take(std::string(50'000, 'b'), 50'004);
  EXPECT_EQ(queue.taken(), 100'000);
  EXPECT_EQ(queue.WriteTo(write_.get()), 50'004u);
  EXPECT_FALSE(queue.empty());
  EXPECT_GT(ReadAll(), 50'000u);
  EXPECT_EQ(queue.WriteTo(write_.get()), 50'004u);
  EXPECT_TRUE(queue.empty());
}

TEST_F(StdinQueueTest, OwnBytesCostNobodyAndComeLast) {
  StdinQueue queue;
  queue.Take("abc", 7);
  queue.TakeOwn("\x04");
  EXPECT_EQ(queue.taken(), 3);
  EXPECT_EQ(queue.WriteTo(write_.get()), 7u);
  EXPECT_EQ(ReadAll(), 4u);
}

TEST_F(StdinQueueTest, WithoutAReaderEverythingIsDroppedAndFree) {
  read_.Reset();
  StdinQueue queue;
  queue.Take("abc", 7);
  EXPECT_EQ(queue.WriteTo(write_.get()), 7u);
  EXPECT_TRUE(queue.broken());
  queue.Take("abc", 8);
  EXPECT_TRUE(queue.empty());
  EXPECT_EQ(queue.WriteTo(write_.get()), 8u);
}

TEST_F(StdinQueueTest, ANewSenderPaysNothingForTheOldOnes) {
  StdinQueue queue;
  queue.Take("abc", 7);
  queue.ForgetCosts();
  EXPECT_EQ(queue.WriteTo(write_.get()), 0u);
  EXPECT_EQ(queue.taken(), 3);
}

}  // namespace
}  // namespace wslm::init
