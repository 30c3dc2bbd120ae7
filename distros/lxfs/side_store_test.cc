#include "distros/lxfs/side_store.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>
#include <vector>

#include "distros/host/error.h"
#include "distros/host/unique_fd.h"
#include "gtest/gtest.h"

namespace wslm {
namespace {

constexpr GuestAttributes kOwned{.mode = S_IFLNK | 0777, .uid = 7, .gid = 8};
constexpr GuestAttributes kDevice{.mode = S_IFCHR | 0666, .rdev = 0xffff'ffff'0000'0103};

class SideStoreTest : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/wslm-side-store-XXXXXX";
    ASSERT_NE(mkdtemp(name), nullptr);
    folder_ = name;
    ASSERT_EQ(mkdir((folder_ + "/rootfs").c_str(), 0755), 0);
    root_.Reset(open((folder_ + "/rootfs").c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::unique_ptr<SideStore> Opened(bool read_only = false) {
    auto store = SideStore::Open(folder_, read_only);
    EXPECT_TRUE(store.ok()) << store.status();
    return store.ok() ? *std::move(store) : nullptr;
  }
  SideKey MakeLink(const char* name, const SideStore& store) {
    EXPECT_EQ(symlinkat("target", root_.get(), name), 0);
    return store.KeyOf(root_.get(), name).value();
  }

  std::string folder_;
  UniqueFd root_;
};

TEST_F(SideStoreTest, WhatWasPutIsThereAfterReopening) {
  SideKey link, device;
  {
    auto store = Opened();
    link = MakeLink("link", *store);
    device = MakeLink("device", *store);
    EXPECT_EQ(store->Get(link), std::nullopt);
    store->Put(link, kOwned);
    store->Put(device, kOwned);
    store->Put(device, kDevice);
    EXPECT_EQ(store->Get(link), kOwned);
  }
  EXPECT_EQ(Opened()->Get(link), kOwned);
  EXPECT_EQ(Opened()->Get(device), kDevice);
  EXPECT_EQ(Opened(/*read_only=*/true)->Get(device), kDevice);
}

TEST_F(SideStoreTest, WhatWasRemovedStaysRemoved) {
  SideKey link;
  {
    auto store = Opened();
    link = MakeLink("link", *store);
    store->Put(link, kOwned);
    ASSERT_TRUE(store->Flush().ok());
    store->Remove(link);
    EXPECT_EQ(store->Get(link), std::nullopt);
  }
  EXPECT_EQ(Opened()->Get(link), std::nullopt);
}

TEST_F(SideStoreTest, ARenamedFileKeepsItsRecordAndADescriptorFindsItToo) {
  auto store = Opened();
  const SideKey key = MakeLink("old", *store);
  ASSERT_EQ(renameat(root_.get(), "old", root_.get(), "new"), 0);
  EXPECT_EQ(store->KeyOf(root_.get(), "new"), key);
  EXPECT_EQ(store->KeyOf(root_.get(), "old"), std::nullopt);
  UniqueFd fd(openat(root_.get(), "new", O_PATH | O_NOFOLLOW | O_CLOEXEC));
  EXPECT_EQ(store->KeyOf(fd.get()), key);
  EXPECT_EQ(key.device, 0u);
}

TEST_F(SideStoreTest, AFileThatGetsTheNumberOfARemovedOneDoesNotGetItsRecord) {
  auto store = Opened();
  for (int i = 0; i < 1000; ++i) {
    const SideKey key = MakeLink("link", *store);
    ASSERT_EQ(store->Get(key), std::nullopt) << i;
    store->Put(key, kOwned);
    ASSERT_EQ(unlinkat(root_.get(), "link", 0), 0);
  }
}

TEST_F(SideStoreTest, AFileHasTheSameKeyInAUserNamespace) {
  auto store = Opened();
  const SideKey key = MakeLink("link", *store);
  const pid_t child = fork();
  if (child == 0) {
    if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) _exit(77);
    _exit(store->KeyOf(root_.get(), "link") == key ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 77) GTEST_SKIP() << "no user namespaces here";
  EXPECT_EQ(status, 0);
}

TEST_F(SideStoreTest, WhatStatxToldOfIsFoundAsWell) {
  auto store = Opened();
  const SideKey link = MakeLink("link", *store);
  const SideKey other = MakeLink("other", *store);
  struct statx host;
  constexpr unsigned kMask = STATX_BASIC_STATS | STATX_BTIME;
  ASSERT_EQ(statx(root_.get(), "link", AT_SYMLINK_NOFOLLOW, kMask, &host), 0);
  EXPECT_EQ(store->KeyOf(root_.get(), "link", AT_SYMLINK_NOFOLLOW, host), link);
  EXPECT_EQ(store->Get(root_.get(), "link", AT_SYMLINK_NOFOLLOW, host), std::nullopt);
  store->Put(link, kOwned);
  store->Put(other, kDevice);
  EXPECT_EQ(store->Get(root_.get(), "link", AT_SYMLINK_NOFOLLOW, host), kOwned);
  // By the name of a descriptor, which is followed to the link itself.
  UniqueFd fd(openat(root_.get(), "link", O_PATH | O_NOFOLLOW | O_CLOEXEC));
  const std::string name = "/proc/self/fd/" + std::to_string(fd.get());
  ASSERT_EQ(statx(AT_FDCWD, name.c_str(), 0, kMask, &host), 0);
  EXPECT_EQ(store->KeyOf(AT_FDCWD, name.c_str(), 0, host), link);
  EXPECT_EQ(store->Get(AT_FDCWD, name.c_str(), 0, host), kOwned);
}

TEST_F(SideStoreTest, RecordsOfOtherFileSystemsLiveInMemoryOnly) {
  const SideKey other{.device = 0x1234, .inode = 5, .birth_ns = 6};
  {
    auto store = Opened();
    store->Put(other, kOwned);
    EXPECT_EQ(store->Get(other), kOwned);
    EXPECT_EQ(store->Get({.inode = 5, .birth_ns = 6}), std::nullopt);
    store->Put({.device = 0x1234, .inode = 6}, kOwned);
    store->Remove({.device = 0x1234, .inode = 6});
    EXPECT_EQ(store->Get({.device = 0x1234, .inode = 6}), std::nullopt);
  }
  EXPECT_EQ(Opened()->Get(other), std::nullopt);
}

TEST_F(SideStoreTest, AKilledProcessLosesNothingThatWasCommitted) {
  const SideKey early{.inode = 1, .birth_ns = 1};
  constexpr uint64_t kMany = 1000;
  const pid_t child = fork();
  if (child == 0) {
    auto store = SideStore::Open(folder_, false);
    if (!store.ok()) _exit(1);
    (*store)->Put(early, kOwned);
    for (uint64_t i = 0; i < kMany; ++i) {
      (*store)->Put({.inode = 100 + i}, kDevice);
      if (!(*store)->Commit().ok()) _exit(1);
    }
    raise(SIGKILL);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status));
  // Opened for reading first: it has to take in the log that was left.
  for (const bool read_only : {true, false}) {
    auto store = Opened(read_only);
    EXPECT_EQ(store->Get(early), kOwned);
    for (uint64_t i = 0; i < kMany; ++i) ASSERT_EQ(store->Get({.inode = 100 + i}), kDevice);
  }
}

TEST_F(SideStoreTest, AnOpenStoreRefusesOthers) {
  Opened();
  auto store = Opened();
  for (const bool read_only : {true, false}) {
    const auto second = SideStore::Open(folder_, read_only);
    ASSERT_FALSE(second.ok());
    EXPECT_EQ(ReasonOf(second.status()), reason::kDistroRunning) << second.status();
  }
  store.reset();
  Opened();
}

TEST_F(SideStoreTest, ReadersDoNotDisturbEachOtherAndLeaveNothingBehind) {
  Opened()->Put({.inode = 1}, kOwned);
  auto first = Opened(/*read_only=*/true);
  auto second = Opened(/*read_only=*/true);
  first->Put({.inode = 2}, kOwned);
  EXPECT_EQ(first->Get({.inode = 2}), kOwned);
  EXPECT_TRUE(first->Flush().ok());
  EXPECT_EQ(second->Get({.inode = 2}), std::nullopt);
  EXPECT_EQ(Opened()->Get({.inode = 2}), std::nullopt);
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder_)) names.push_back(entry.path().filename());
  EXPECT_EQ(names.size(), 2u) << testing::PrintToString(names);
}

TEST_F(SideStoreTest, ReadingWhereThereIsNoStoreFindsNothingAndMakesNone) {
  EXPECT_EQ(Opened(/*read_only=*/true)->Get({.inode = 1}), std::nullopt);
  EXPECT_FALSE(std::filesystem::exists(folder_ + "/metadata.db"));
}

TEST_F(SideStoreTest, WhatIsNoDatabaseIsABrokenDistro) {
  std::ofstream(folder_ + "/metadata.db") << std::string(8192, 'x');
  for (const bool read_only : {true, false}) {
    const auto store = SideStore::Open(folder_, read_only);
    ASSERT_FALSE(store.ok());
    EXPECT_EQ(ReasonOf(store.status()), reason::kDistroBroken) << store.status();
  }
}

TEST_F(SideStoreTest, AStoreOfALaterVersionIsNotTouched) {
  Opened();
  sqlite3* database = nullptr;
  ASSERT_EQ(sqlite3_open((folder_ + "/metadata.db").c_str(), &database), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(database, "PRAGMA user_version = 2", nullptr, nullptr, nullptr), SQLITE_OK);
  sqlite3_close(database);
  const auto store = SideStore::Open(folder_, false);
  ASSERT_FALSE(store.ok());
  EXPECT_EQ(ReasonOf(store.status()), reason::kDistroBroken);
}

TEST_F(SideStoreTest, ACopiedTreeIsBrokenAndAMovedOneIsNot) {
  SideKey link;
  {
    auto store = Opened();
    link = MakeLink("link", *store);
    store->Put(link, kOwned);
  }
  const std::string moved = folder_ + "-moved";
  std::filesystem::rename(folder_, moved);
  auto store = SideStore::Open(moved, false);
  ASSERT_TRUE(store.ok()) << store.status();
  EXPECT_EQ((*store)->Get(link), kOwned);
  store->reset();
  std::filesystem::copy(moved, folder_,
                        std::filesystem::copy_options::recursive | std::filesystem::copy_options::copy_symlinks);
  const auto copied = SideStore::Open(folder_, false);
  ASSERT_FALSE(copied.ok());
  EXPECT_EQ(ReasonOf(copied.status()), reason::kDistroBroken) << copied.status();
  std::filesystem::remove_all(moved);
}

TEST_F(SideStoreTest, AttributesThatTheFileCanNotCarryAreKeptByTheFileToo) {
  SideKey link;
  const GuestXattrs xattrs = {{"trusted.a", std::string("\0\xff", 2)}, {"security.b", ""}};
  {
    auto store = Opened();
    EXPECT_FALSE(store->HasXattrs());
    link = MakeLink("link", *store);
    ASSERT_TRUE(store->PutXattrs(link, {{"trusted.old", "gone"}}));
    ASSERT_TRUE(store->PutXattrs(link, xattrs));
    EXPECT_FALSE(store->PutXattrs({.device = 7, .inode = 1}, xattrs));
    EXPECT_FALSE(store->PutXattrs(link, {{"trusted.huge", std::string(SideStore::kXattrRoom, 'x')}}));
  }
  {
    auto store = Opened(/*read_only=*/true);
    EXPECT_TRUE(store->HasXattrs());
    EXPECT_EQ(store->Xattrs(link), xattrs);
    EXPECT_EQ(store->Get(link), std::nullopt);
    SideKey other = link;
    ++other.birth_ns;
    EXPECT_EQ(store->Xattrs(other), GuestXattrs());
  }
  ASSERT_TRUE(Opened()->PutXattrs(link, {}));
  EXPECT_FALSE(Opened()->HasXattrs());
}

TEST_F(SideStoreTest, ThreadsMayUseItAtOnce) {
  {
    auto store = Opened();
    std::vector<std::thread> threads;
    for (uint64_t thread = 0; thread < 4; ++thread) {
      threads.emplace_back([&store, thread] {
        for (uint64_t i = 0; i < 2000; ++i) {
          const SideKey key{.inode = thread * 10000 + i, .birth_ns = -1};
          store->Put(key, kDevice);
          if (i % 3 == 0) store->Remove(key);
          if (i % 500 == 0) {
            EXPECT_TRUE(store->Flush().ok());
          }
          EXPECT_EQ(store->Get(key).has_value(), i % 3 != 0);
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
  }
  auto store = Opened();
  for (uint64_t thread = 0; thread < 4; ++thread) {
    for (uint64_t i = 0; i < 2000; ++i) {
      ASSERT_EQ(store->Get({.inode = thread * 10000 + i, .birth_ns = -1}).has_value(), i % 3 != 0);
    }
  }
}

}  // namespace
}  // namespace wslm
