#include "runtime-v2/agent/mount_table.h"

#include <gtest/gtest.h>

namespace wslm {
namespace {

TEST(MountTableTest, HasWhatIsMountedWhereAndHow) {
  const auto mounts = ParseMountTable(
      "36 35 98:0 / / rw,noatime master:1 - ext3 /dev/root rw,errors=continue\n"
      "no mount\n"
      "101 36 0:43 /home/a\\040b /mnt/host\\134x ro,nosuid - 9p host rw,cache=mmap\n");
  ASSERT_EQ(mounts.size(), 2U);
  EXPECT_EQ(mounts[0].type, "ext3");
  EXPECT_EQ(mounts[1].id, 101U);
  EXPECT_EQ(mounts[1].device, "0:43");
  EXPECT_EQ(mounts[1].options, "ro,nosuid");
  EXPECT_EQ(mounts[1].super_options, "rw,cache=mmap");
  EXPECT_EQ(UnescapedPath(mounts[1].root), "/home/a b");
  EXPECT_EQ(UnescapedPath(mounts[1].point), "/mnt/host\\x");
}

TEST(MountTableTest, SeesWhatLiesBelowAProgramsFileSystem) {
  const auto mounts = ParseMountTable(
      "1 0 98:0 / / rw - ext4 /dev/root rw\n"
      "2 1 0:50 / /served rw - fuse.sshfs host rw\n"
      "3 1 0:51 / /fuse rw - tmpfs fuse rw\n");
  EXPECT_TRUE(IsBelowProgram(mounts, "/served/a/b"));
  EXPECT_FALSE(IsBelowProgram(mounts, "/served"));
  EXPECT_FALSE(IsBelowProgram(mounts, "/served2/a"));
  EXPECT_FALSE(IsBelowProgram(mounts, "/fuse/a"));
}

TEST(MountTableTest, WhatIsNoEscapeStaysAsItIs) {
  EXPECT_EQ(UnescapedPath("/a\\"), "/a\\");
  EXPECT_EQ(UnescapedPath("/a\\04"), "/a\\04");
  EXPECT_EQ(UnescapedPath("/a\\089"), "/a\\089");
  EXPECT_EQ(UnescapedPath("\\011\\012"), "\t\n");
}

}  // namespace
}  // namespace wslm
