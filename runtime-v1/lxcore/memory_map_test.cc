#include "runtime-v1/lxcore/memory_map.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>

#include "distros/host/unique_fd.h"

namespace wslm::lxcore {
namespace {

TEST(MemoryMapTest, ReadsWhatALineSays) {
  const auto maps = ParseMemoryMap(
      "00400000-00401000 r-xp 00002000 fd:1f 1234                               /usr/bin/a b (deleted)\n"
      "7ffd0000-7ffd1000 rw-p 00000000 00:00 0 \n"
      "nonsense\n"
      "7ffe0000-7ffe1000 ---p 00000000 00:00 0                                  [stack]\n");
  ASSERT_EQ(maps.size(), 3u);
  EXPECT_EQ(maps[0].start, 0x400000u);
  EXPECT_EQ(maps[0].end, 0x401000u);
  EXPECT_EQ(maps[0].permissions, "r-xp");
  EXPECT_EQ(maps[0].offset, 0x2000u);
  EXPECT_EQ(maps[0].device, makedev(0xfd, 0x1f));
  EXPECT_EQ(maps[0].inode, 1234u);
  EXPECT_EQ(maps[0].name, "/usr/bin/a b (deleted)");
  EXPECT_EQ(maps[1].name, "");
  EXPECT_EQ(maps[2].name, "[stack]");
  EXPECT_TRUE(maps[0].Has(0x400fff));
  EXPECT_FALSE(maps[0].Has(0x401000));
}

TEST(MemoryMapTest, KnowsWhereThisFunctionIs) {
  UniqueFd proc(::open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC));
  const auto maps = MemoryMapOf(proc.get(), ::getpid());
  const auto here = reinterpret_cast<uint64_t>(&ParseMemoryMap);
  EXPECT_EQ(std::count_if(maps.begin(), maps.end(), [&](const Mapping& mapping) { return mapping.Has(here); }), 1);
}

}  // namespace
}  // namespace wslm::lxcore
