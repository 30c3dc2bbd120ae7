#include "runtime-v2/agent/mount_options.h"

#include <gtest/gtest.h>
#include <sys/mount.h>

namespace wslm {
namespace {

TEST(MountOptionsTest, FlagsAreTakenOutOfWhatTheFileSystemGets) {
  const MountOptions options = ParseMountOptions("ro,data=ordered,noatime,,commit=5");
  EXPECT_EQ(options.flags, static_cast<unsigned long>(MS_RDONLY | MS_NOATIME));
  EXPECT_EQ(options.data, "data=ordered,commit=5");
}

TEST(MountOptionsTest, TheLastOfOppositesCounts) {
  EXPECT_EQ(ParseMountOptions("ro,rw").flags, 0UL);
  EXPECT_EQ(ParseMountOptions("rw,ro,defaults").flags, static_cast<unsigned long>(MS_RDONLY));
  EXPECT_EQ(ParseMountOptions("").data, "");
}

}  // namespace
}  // namespace wslm
