// The pure parts that read and make names and texts: guest paths, mountinfo, status.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "runtime-v1/lxcore/create.h"
#include "runtime-v1/lxcore/guest_files.h"
#include "runtime-v1/lxcore/guest_paths.h"
#include "runtime-v1/lxcore/proc_files.h"
#include "runtime-v1/lxcore/process_facts.h"

namespace wslm::lxcore {
namespace {

TEST(GuestPathsTest, RelativeNamesGoThroughTheCallersProcFolder) {
  EXPECT_EQ(GuestPaths::NameOf(7, AT_FDCWD, "a/b"), "7/cwd/a/b");
  EXPECT_EQ(GuestPaths::NameOf(7, 4, "a"), "7/fd/4/a");
  EXPECT_EQ(GuestPaths::NameOf(7, 4, ""), "7/fd/4");
}

TEST(GuestPathsTest, AbsoluteNamesStay) {
  EXPECT_EQ(GuestPaths::NameOf(7, 4, "/a//b/"), "/a//b/");
  EXPECT_EQ(GuestPaths::NameOf(7, 4, "/"), "/");
  EXPECT_EQ(GuestPaths::NameOf(7, 4, "///"), "///");
}

TEST(GuestPathsTest, NamesThatMeanTheCallerAreItsOwn) {
  EXPECT_EQ(GuestPaths::NameOf(7, AT_FDCWD, "/proc/self/fd/3"), "7/fd/3");
  EXPECT_EQ(GuestPaths::NameOf(7, AT_FDCWD, "//proc/self//exe"), "7/exe");
  EXPECT_EQ(GuestPaths::NameOf(7, AT_FDCWD, "/proc/thread-self/comm"), "7/comm");
  EXPECT_EQ(GuestPaths::NameOf(7, AT_FDCWD, "/dev/fd/3"), "7/fd/3");
  EXPECT_EQ(GuestPaths::NameOf(7, AT_FDCWD, "/dev/stdout"), "7/fd/1");
  EXPECT_EQ(GuestPaths::NameOf(7, AT_FDCWD, "/proc/self"), "/proc/self") << "the link itself";
  EXPECT_EQ(GuestPaths::NameOf(7, AT_FDCWD, "/proc/selfish/x"), "/proc/selfish/x");
}

TEST(SplitLastTest, CutsTheLastPart) {
  auto split = [](std::string_view name) {
    const SplitName s = SplitLast(name);
    return s.folder + "|" + s.base + (s.trailing_slash ? "|/" : "");
  };
  EXPECT_EQ(split("/a/b"), "/a|b");
  EXPECT_EQ(split("/a"), "/|a");
  EXPECT_EQ(split("7/cwd/a//b//"), "7/cwd/a|b|/");
  EXPECT_EQ(split("a"), ".|a");
  EXPECT_EQ(split("/"), "/|");
}

TEST(MountInfoTest, ReadsEscapedNamesAndOptionalFields) {
  const auto lines = ParseMountInfo(
      "36 35 98:0 /mnt1 /mnt\\0402 rw,noatime master:1 shared:2 - ext3 /dev/root rw\n"
      "37 35 0:5 / /proc rw - proc proc rw\n"
      "garbage\n");
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(lines[0].id, 36u);
  EXPECT_EQ(lines[0].device, "98:0");
  EXPECT_EQ(lines[0].root, "/mnt1");
  EXPECT_EQ(lines[0].point, "/mnt 2");
  EXPECT_EQ(lines[0].type, "ext3");
  EXPECT_EQ(lines[1].type, "proc");
}

TEST(StatusTest, FieldsAreFoundByWholeName) {
  const std::string status = "Name:\tx\nTgid:\t5\nNStgid:\t5\t1\nUmask:\t0027\n";
  EXPECT_EQ(StatusField(status, "Tgid"), "5");
  EXPECT_EQ(StatusField(status, "Umask"), "0027");
  EXPECT_EQ(StatusField(status, "Uid"), "");
}

TEST(StatusTest, AStatusFileShowsTheVirtualUser) {
  Credentials c;
  c.groups = {4, 20};
  ASSERT_EQ(SetResUid(c, 1000, 1001, 1002), 0);
  const auto same = [](uint32_t id) { return id; };
  const std::string text = VirtualStatus(
      "Name:\tx\nUid:\t0\t0\t0\t0\nGid:\t0\t0\t0\t0\nGroups:\t65534 \nCapEff:\t000001ffffffffff\nNoNewPrivs:\t1\n"
      "Seccomp:\t2\nThreads:\t1\n",
      c, same, same);
  EXPECT_EQ(text,
            "Name:\tx\nUid:\t1000\t1001\t1002\t1001\nGid:\t0\t0\t0\t0\nGroups:\t4 20 \nCapEff:\t0000000000000000\n"
            "NoNewPrivs:\t0\nSeccomp:\t0\nThreads:\t1\n");
}

TEST(PlainFormTest, OnlyRootsOrdinaryFilesAreLeftToTheKernel) {
  EXPECT_TRUE(IsPlainForm({.mode = S_IFREG | 0644}));
  EXPECT_TRUE(IsPlainForm({.mode = S_IFDIR | 0700}));
  EXPECT_FALSE(IsPlainForm({.mode = S_IFREG | 0200})) << "the user could not back it up";
  EXPECT_FALSE(IsPlainForm({.mode = S_IFREG | 04755})) << "no host file is set-id";
  EXPECT_FALSE(IsPlainForm({.mode = S_IFDIR | 01777}));
  EXPECT_FALSE(IsPlainForm({.mode = S_IFDIR | 0500}));
  EXPECT_FALSE(IsPlainForm({.mode = S_IFREG | 0644, .gid = 5}));
  EXPECT_FALSE(IsPlainForm({.mode = S_IFCHR | 0644}));
}

}  // namespace
}  // namespace wslm::lxcore
