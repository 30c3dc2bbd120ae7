#include "daemon/server/acceptor.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <atomic>
#include <cstring>
#include <future>
#include <thread>

#include "absl/time/clock.h"
#include "daemon/server/listener.h"
#include "distros/host/test_folder.h"

namespace wslm::daemon {
namespace {

constexpr uid_t kAnotherUid = 1001;

UniqueFd Connect(const std::string& path) {
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strcpy(address.sun_path, path.c_str());
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) return UniqueFd();
  return fd;
}

TEST(AcceptorTest, AConnectionOfTheSameUserReachesTheHandler) {
  TestFolder folder;
  const auto listener = Listen(folder / "s", {});
  ASSERT_TRUE(listener.ok()) << listener.status();
  struct stat status {};
  ASSERT_EQ(::stat((folder / "s").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0600u);
  auto log = NoLog();
  std::promise<int> accepted;
  Acceptor acceptor(listener->fd.get(), ::getuid(), *log, [&](UniqueFd fd) { accepted.set_value(fd.get()); });
  const UniqueFd client = Connect(folder / "s");
  ASSERT_TRUE(client);
  EXPECT_GE(accepted.get_future().get(), 0);
}

TEST(AcceptorTest, AConnectionOfAnotherUserIsClosedAtOnce) {
  if (::getuid() != 0) GTEST_SKIP() << "only root can be another user";
  TestFolder folder;
  const auto listener = Listen(folder / "s", {});
  ASSERT_TRUE(listener.ok()) << listener.status();
  // Should the modes ever be wrong, the check of the peer must do alone.
  ASSERT_EQ(::chmod(folder.path().c_str(), 0755), 0);
  ASSERT_EQ(::chmod((folder / "s").c_str(), 0666), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    // 0: let in and closed; others say what went wrong.
    if (::setresgid(kAnotherUid, kAnotherUid, kAnotherUid) != 0 ||
        ::setresuid(kAnotherUid, kAnotherUid, kAnotherUid) != 0) {
      ::_exit(2);
    }
    const UniqueFd client = Connect(folder / "s");
    if (!client) ::_exit(3);
    char byte;
    ::_exit(::read(client.get(), &byte, 1) == 0 ? 0 : 4);
  }
  auto log = NoLog();
  std::atomic<int> handled = 0;
  Acceptor acceptor(listener->fd.get(), ::getuid(), *log, [&](UniqueFd) { ++handled; });
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
  EXPECT_EQ(handled, 0);
}

TEST(ListenerTest, OnlyOneDaemonGetsTheLock) {
  TestFolder folder;
  const auto first = LockDaemon(folder / "lock", folder / "s", absl::ZeroDuration());
  ASSERT_TRUE(first.ok() && first->has_value());
  const auto listener = Listen(folder / "s", {});
  ASSERT_TRUE(listener.ok()) << listener.status();
  const auto second = LockDaemon(folder / "lock", folder / "s", absl::Seconds(20));
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_FALSE(second->has_value());
}

TEST(ListenerTest, ADaemonWaitsForOneThatIsEnding) {
  TestFolder folder;
  auto first = LockDaemon(folder / "lock", folder / "s", absl::ZeroDuration());
  ASSERT_TRUE(first.ok() && first->has_value());
  EXPECT_FALSE(LockDaemon(folder / "lock", folder / "s", absl::Milliseconds(1)).ok());
  std::thread ending([&] {
    absl::SleepFor(absl::Milliseconds(100));
    first->reset();
  });
  const auto second = LockDaemon(folder / "lock", folder / "s", absl::Seconds(20));
  ending.join();
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_TRUE(second->has_value());
}

TEST(ListenerTest, ASocketThatADeadDaemonLeftIsReplaced) {
  TestFolder folder;
  { const auto dead = Listen(folder / "s", {}); }
  EXPECT_FALSE(Connect(folder / "s"));
  const auto listener = Listen(folder / "s", {});
  ASSERT_TRUE(listener.ok()) << listener.status();
  EXPECT_TRUE(Connect(folder / "s"));
}

TEST(ListenerTest, AnActivatedSocketIsUsedAndItsFileStays) {
  TestFolder folder;
  auto made = Listen(folder / "s", {});
  ASSERT_TRUE(made.ok()) << made.status();
  std::vector<UniqueFd> activated;
  activated.push_back(std::move(made->fd));
  const auto listener = Listen(folder / "elsewhere", std::move(activated));
  ASSERT_TRUE(listener.ok()) << listener.status();
  EXPECT_EQ(listener->path, folder / "s");
  RemoveSocketFile(*listener);
  EXPECT_TRUE(Connect(folder / "s"));
}

TEST(ListenerTest, WhatIsNoListeningSocketIsRefused) {
  std::vector<UniqueFd> activated;
  activated.emplace_back(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  EXPECT_FALSE(Listen("/nonexistent/s", std::move(activated)).ok());
}

}  // namespace
}  // namespace wslm::daemon
