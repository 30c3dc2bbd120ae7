#include "runtime-v2/agent/kernel_log.h"

#include <gtest/gtest.h>

namespace wslm {
namespace {

TEST(KernelLogTest, KnowsWhoWasEndedForWantOfMemory) {
  const auto event = ReadKernelRecord(
      "6,412,12345678,-;oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed=0,global_oom,"
      "task_memcg=/wslm/d-1/system.slice/x.service,task=a,b c,pid=77,uid=0\n SUBSYSTEM=x\n");
  ASSERT_TRUE(event);
  EXPECT_EQ(event->kind, runtime::v1::NOTICE_KIND_OUT_OF_MEMORY);
  EXPECT_EQ(event->distro_id, "d-1");
  EXPECT_EQ(event->process, "a,b c (process 77)");
  EXPECT_EQ(event->limited_cgroup, "");
}

TEST(KernelLogTest, KnowsWhoseMemoryLimitWasReached) {
  auto event = ReadKernelRecord(
      "6,412,1,-;oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=d-1,mems_allowed=0,"
      "oom_memcg=/wslm/d-1/root/system.slice/x.service,task_memcg=/wslm/d-1/root/system.slice/x.service/"
      "y,task=a,pid=77,uid=0\n");
  ASSERT_TRUE(event);
  EXPECT_EQ(event->kind, runtime::v1::NOTICE_KIND_MEMORY_LIMIT);
  EXPECT_EQ(event->distro_id, "d-1");
  EXPECT_EQ(event->limited_cgroup, "system.slice/x.service");
  EXPECT_EQ(event->process, "a (process 77)");

  for (const std::string own : {"/wslm/d-1", "/wslm/d-1/root"}) {
    event = ReadKernelRecord(
        "6,412,1,-;oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=d-1,mems_allowed=0,oom_memcg=" + own +
        ",task_memcg=/wslm/d-1/root/system.slice,task=a,pid=77,uid=0\n");
    ASSERT_TRUE(event) << own;
    EXPECT_EQ(event->kind, runtime::v1::NOTICE_KIND_MEMORY_LIMIT);
    EXPECT_EQ(event->distro_id, "d-1");
    EXPECT_EQ(event->limited_cgroup, "");
  }
}

TEST(KernelLogTest, AProcessOfTheVmsOwnIsNobodys) {
  const auto event = ReadKernelRecord("6,1,1,-;oom-kill:constraint=X,task_memcg=/,task=init,pid=1,uid=0\n");
  ASSERT_TRUE(event);
  EXPECT_EQ(event->distro_id, "");
}

TEST(KernelLogTest, KnowsADiskThatCannotBeWrittenAnyMore) {
  const auto event = ReadKernelRecord("2,9,1,-;EXT4-fs (sdc): Remounting filesystem read-only\n");
  ASSERT_TRUE(event);
  EXPECT_EQ(event->kind, runtime::v1::NOTICE_KIND_READ_ONLY);
  EXPECT_EQ(event->disk, "sdc");
}

TEST(KernelLogTest, ProgramsCannotSpeakForTheKernel) {
  // Facility 1, as the kernel marks what is written to /dev/kmsg.
  EXPECT_FALSE(ReadKernelRecord("10,9,1,-;EXT4-fs (sdc): Remounting filesystem read-only\n"));
  EXPECT_FALSE(ReadKernelRecord("14,1,1,-;oom-kill:constraint=X,task_memcg=/wslm/a,task=x,pid=1,uid=0\n"));
}

TEST(KernelLogTest, NothingElseIsOfInterest) {
  for (const char* record :
       {"", ";", "6", "6,1,1,-", "6,1,1,-;", "6,1,1,-;oom-kill:", "x,1,1,-;EXT4-fs (sdc): mounted\n",
        "6,1,1,-;EXT4-fs (sdc): mounted filesystem\n", "6,1,1,-;oom-kill:,task=x,pid=1\n"}) {
    EXPECT_FALSE(ReadKernelRecord(record)) << record;
  }
}

}  // namespace
}  // namespace wslm
