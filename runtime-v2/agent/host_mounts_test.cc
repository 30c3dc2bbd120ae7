#include "runtime-v2/agent/host_mounts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace wslm {
namespace {

TEST(HostMountsTest, AreKeptAsText) {
  const std::vector<HostMount> mounts = {
      {{71, 1234, 4026532001, {"/proc/71/ns/mnt"}}, "/", "/mnt/host", "rw,nosuid,nodev"},
      {{71, 1234, 4026532002, {"/proc/71/ns/mnt", "/run/a\\040b"}}, "/home/x\\040y", "/bound", "ro"}};
  EXPECT_EQ(HostMountsOf(ToText(mounts)), mounts);
  EXPECT_THAT(HostMountsOf(""), testing::IsEmpty());
  // As a record that was cut off.
  EXPECT_THAT(HostMountsOf("71 1234 4026532001 2 /proc/71/ns/mnt\n"), testing::IsEmpty());
}

}  // namespace
}  // namespace wslm
