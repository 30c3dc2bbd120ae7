// For tests: a folder with a distro in it, as the user that runs the test or as an ordinary one.
#ifndef WSLM_DISTROS_LXFS_LXFS_TEST_BASE_H_
#define WSLM_DISTROS_LXFS_LXFS_TEST_BASE_H_

#include <grp.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "distros/host/error.h"
#include "distros/host/test_folder.h"
#include "distros/lxfs/lxfs.h"
#include "distros/lxfs/test_tree.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace wslm {

inline constexpr SecondOwner kSecondOwner{.uid = 1000, .gid = 1000};

// Runs `body` in a child process; what fails in it fails the test, and an exit with status 77 skips it.
inline void InChild(const std::function<void()>& body) {
  constexpr int kFailed = 1;
  fflush(nullptr);
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    body();
    fflush(nullptr);
    _exit(testing::Test::HasFailure() ? kFailed : 0);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 77) GTEST_SKIP() << "namespaces of one's own are not to be had here";
  EXPECT_EQ(status, 0);
}

// Mounts `type` on `where` in namespaces of one's own, in which the user is root.
inline void MountOrSkip(const char* type, const std::string& where, const char* options = nullptr) {
  const uid_t uid = geteuid();
  const gid_t gid = getegid();
  if (unshare(uid == 0 ? CLONE_NEWNS : CLONE_NEWNS | CLONE_NEWUSER) != 0) _exit(77);
  if (uid != 0) {
    std::ofstream("/proc/self/setgroups") << "deny";
    std::ofstream("/proc/self/uid_map") << "0 " << uid << " 1";
    std::ofstream("/proc/self/gid_map") << "0 " << gid << " 1";
  }
  if (mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) _exit(77);
  if (mount(type, where.c_str(), type, 0, options) != 0) _exit(77);
}

class LxfsTest : public testing::Test {
 protected:
  static constexpr uid_t kOrdinaryUser = 65533;

  // In a process of an ordinary user when that is wanted and the test runs as root.
  void RunAs(bool ordinary, const std::function<void()>& body) {
    if (!ordinary || geteuid() != 0) return body();
    ASSERT_EQ(chown(folder_.path().c_str(), kOrdinaryUser, kOrdinaryUser), 0);
    InChild([&] {
      ASSERT_EQ(setgroups(0, nullptr), 0);
      ASSERT_EQ(setresgid(kOrdinaryUser, kOrdinaryUser, kOrdinaryUser), 0);
      ASSERT_EQ(setresuid(kOrdinaryUser, kOrdinaryUser, kOrdinaryUser), 0);
      umask(077);
      body();
    });
  }
  std::unique_ptr<Sink> NewSink() {
    auto sink = CreateLxfsSink(folder_.path(), kSecondOwner);
    EXPECT_TRUE(sink.ok()) << sink.status();
    return sink.ok() ? *std::move(sink) : nullptr;
  }
  void Write(const std::vector<TestEntry>& tree) {
    const std::unique_ptr<Sink> sink = NewSink();
    ASSERT_NE(sink, nullptr);
    const absl::Status status = PutInto(*sink, tree);
    ASSERT_TRUE(status.ok()) << status;
    const absl::Status committed = sink->Commit();
    ASSERT_TRUE(committed.ok()) << committed;
    losses_ = sink->losses();
  }
  std::map<std::string, std::string> Read() {
    auto source = OpenLxfsSource(folder_.path(), kSecondOwner);
    EXPECT_TRUE(source.ok()) << source.status();
    if (!source.ok()) return {};
    auto described = Describe(**source);
    // A busy machine may not know the total in time.
    if ((*source)->total() != 0) {
      EXPECT_EQ((*source)->position(), (*source)->total());
    }
    warnings_ = (*source)->warnings();
    return described;
  }
  // The status of putting `tree` into a new sink and committing it.
  absl::Status StatusOf(const std::vector<TestEntry>& tree) {
    const std::unique_ptr<Sink> sink = NewSink();
    absl::Status status = PutInto(*sink, tree);
    if (status.ok()) status = sink->Commit();
    return status;
  }
  std::string Host(const std::string& path) const { return folder_ / ("rootfs/" + path); }
  struct stat HostStat(const std::string& path) const {
    struct stat st = {};
    EXPECT_EQ(lstat(Host(path).c_str(), &st), 0) << path;
    return st;
  }

  TestFolder folder_;
  std::vector<std::string> losses_;
  std::vector<std::string> warnings_;
};

}  // namespace wslm

#endif  // WSLM_DISTROS_LXFS_LXFS_TEST_BASE_H_
