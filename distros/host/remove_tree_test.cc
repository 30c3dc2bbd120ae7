#include "distros/host/remove_tree.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>

#include "distros/host/error.h"
#include "distros/host/files.h"
#include "distros/host/test_folder.h"
#include "distros/host/unique_fd.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace wslm {
namespace {

TEST(RemoveTree, RemovesAllKindsOfEntriesAndFollowsNoLink) {
  const TestFolder folder;
  ASSERT_TRUE(MakeFolders(folder / "outside").ok());
  ASSERT_TRUE(WriteFileAtomically(folder / "outside/kept", "x").ok());
  ASSERT_TRUE(MakeFolders(folder / "tree/a/b/c").ok());
  ASSERT_TRUE(MakeFolders(folder / "tree/empty").ok());
  ASSERT_TRUE(WriteFileAtomically(folder / "tree/a/file", "x", 0).ok());
  ASSERT_EQ(::symlink("../outside", (folder / "tree/link").c_str()), 0);
  ASSERT_EQ(::symlink("../../outside", (folder / "tree/a/link").c_str()), 0);
  ASSERT_EQ(::mkfifo((folder / "tree/a/b/fifo").c_str(), 0600), 0);
  EXPECT_TRUE(RemoveTree(folder / "tree").ok());
  EXPECT_FALSE(PathExists(folder / "tree"));
  EXPECT_TRUE(PathExists(folder / "outside/kept"));
}

TEST(RemoveTree, ALinkIsRemovedItself) {
  const TestFolder folder;
  ASSERT_TRUE(MakeFolders(folder / "target/x").ok());
  ASSERT_EQ(::symlink("target", (folder / "link").c_str()), 0);
  EXPECT_TRUE(RemoveTree(folder / "link").ok());
  EXPECT_FALSE(PathExists(folder / "link"));
  EXPECT_TRUE(PathExists(folder / "target/x"));
}

TEST(RemoveTree, NothingThereIsFine) {
  const TestFolder folder;
  EXPECT_TRUE(RemoveTree(folder / "missing").ok());
  EXPECT_TRUE(RemoveTree(folder / "missing/deeper").ok());
}

TEST(RemoveTree, EmptyFolderKeepsTheFolder) {
  const TestFolder folder;
  ASSERT_TRUE(MakeFolders(folder / "a/b").ok());
  ASSERT_TRUE(WriteFileAtomically(folder / "a/c", "").ok());
  EXPECT_TRUE(EmptyFolder(folder / "a").ok());
  EXPECT_TRUE(IsEmptyFolder(folder / "a"));
}

TEST(RemoveTree, ManyEntriesInAndBesideManyFolders) {
  const TestFolder folder;
  for (int i = 0; i < 300; ++i) {
    const std::string sub = folder / ("tree/" + std::to_string(i));
    ASSERT_TRUE(MakeFolders(sub + "/deeper").ok());
    for (int j = 0; j < 10; ++j) {
      const UniqueFd fd(::open((sub + "/" + std::to_string(j)).c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
      ASSERT_TRUE(fd);
    }
  }
  EXPECT_TRUE(RemoveTree(folder / "tree").ok());
  EXPECT_FALSE(PathExists(folder / "tree"));
}

TEST(RemoveTree, ADepthBeyondPathMaxAndBeyondTheDescriptorLimitIsNoObstacle) {
  const TestFolder folder;
  constexpr int kDepth = 1000;
  UniqueFd fd(::open(folder.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  const std::string name(200, 'd');
  for (int i = 0; i < kDepth; ++i) {
    ASSERT_EQ(::mkdirat(fd.get(), name.c_str(), 0700), 0);
    fd = UniqueFd(::openat(fd.get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    ASSERT_TRUE(fd);
  }
  rlimit old_limit;
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &old_limit), 0);
  const rlimit low = {32, old_limit.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &low), 0);
  EXPECT_TRUE(RemoveTree(folder / name).ok());
  ::setrlimit(RLIMIT_NOFILE, &old_limit);
  EXPECT_TRUE(IsEmptyFolder(folder.path()));
}

// Runs `body` in a child, as an ordinary user when the test is root's. True: it answered true.
template <typename Body>
bool AsOrdinaryUser(const std::string& folder, Body body) {
  constexpr uid_t kNobody = 65534;
  if (::geteuid() == 0 && ::chown(folder.c_str(), kNobody, kNobody) != 0) return false;
  const pid_t child = ::fork();
  if (child == 0) {
    if (::geteuid() == 0 && (::setgid(kNobody) != 0 || ::setuid(kNobody) != 0)) ::_exit(2);
    ::_exit(body() ? 0 : 1);
  }
  int status = -1;
  return child > 0 && ::waitpid(child, &status, 0) == child && status == 0;
}

TEST(RemoveTree, AnOrdinaryUsersFoldersWithoutPermissionsAreNoObstacle) {
  const TestFolder folder;
  EXPECT_TRUE(AsOrdinaryUser(folder.path(), [&] {
    for (const char* sub : {"tree/none/deep", "tree/unreadable/deep", "tree/unwritable/deep", "tree/emptynone"}) {
      if (!MakeFolders(folder / sub).ok()) return false;
    }
    if (::chmod((folder / "tree/none/deep").c_str(), 0) != 0 || ::chmod((folder / "tree/none").c_str(), 0) != 0 ||
        ::chmod((folder / "tree/unreadable").c_str(), 0300) != 0 ||
        ::chmod((folder / "tree/unwritable").c_str(), 0500) != 0 ||
        ::chmod((folder / "tree/emptynone").c_str(), 0) != 0 || ::chmod((folder / "tree").c_str(), 0) != 0) {
      return false;
    }
    return RemoveTree(folder / "tree").ok() && !PathExists(folder / "tree");
  }));
}

TEST(RemoveTree, NeverGoesIntoAMount) {
  if (::geteuid() != 0) GTEST_SKIP() << "mounting needs root";
  const TestFolder folder;
  ASSERT_TRUE(MakeFolders(folder / "outside").ok());
  ASSERT_TRUE(WriteFileAtomically(folder / "outside/kept", "x").ok());
  ASSERT_TRUE(MakeFolders(folder / "tree/a/mounted").ok());
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    if (::unshare(CLONE_NEWNS) != 0 || ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) ::_exit(77);
    // A bind mount of the same file system: its device number gives nothing away.
    if (::mount((folder / "outside").c_str(), (folder / "tree/a/mounted").c_str(), nullptr, MS_BIND, nullptr) != 0) {
      ::_exit(77);
    }
    const absl::Status status = RemoveTree(folder / "tree");
    const bool refused = !status.ok() && status.message().find("mounted on") != std::string::npos;
    ::_exit(refused && PathExists(folder / "outside/kept") ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  if (WEXITSTATUS(status) == 77) GTEST_SKIP() << "this container may not mount";
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace wslm
