#include "runtime-v1/lxcore/mount_options.h"

#include <gtest/gtest.h>

namespace wslm::lxcore {
namespace {

TEST(MountOptionsTest, FindsUsersAndGroups) {
  const IdOptions ids = FindIdOptions("mode=755,uid=1000,gid=5");
  ASSERT_TRUE(ids.uid && ids.gid);
  EXPECT_EQ(ids.uid->id, 1000u);
  EXPECT_EQ(ids.gid->id, 5u);
  const IdOptions fuse = FindIdOptions("fd=3,rootmode=40000,user_id=7,group_id=0");
  ASSERT_TRUE(fuse.uid);
  EXPECT_EQ(fuse.uid->id, 7u);
  EXPECT_FALSE(fuse.gid) << "the kernel takes 0";
}

TEST(MountOptionsTest, LeavesOtherAndWrongOnesToTheKernel) {
  for (const char* text : {"", "uid", "uid=", "uid=x", "uid=5x", "xuid=5", "gid=-1", "mode=5,,"}) {
    const IdOptions ids = FindIdOptions(text);
    EXPECT_FALSE(ids.uid || ids.gid) << text;
  }
}

TEST(MountOptionsTest, AsksForZeroInTheSameLength) {
  const std::string text = "mode=755,uid=1000,gid=5";
  EXPECT_EQ(WithoutIds(text, FindIdOptions(text)), "mode=755,uid=0000,gid=0");
}

}  // namespace
}  // namespace wslm::lxcore
