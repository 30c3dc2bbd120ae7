#include "runtime-v2/modules/kmod_index.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>

namespace wslm {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

uint32_t Number(const std::string& bytes, size_t at) {
  uint32_t number = 0;
  for (size_t i = 0; i < 4; ++i) number = number << 8 | static_cast<uint8_t>(bytes.at(at + i));
  return number;
}

// The values of `key`, by the format's description alone.
std::vector<std::string> Lookup(const std::string& index, std::string key) {
  EXPECT_EQ(Number(index, 0), 0xB007F457);
  EXPECT_EQ(Number(index, 4), 0x00020001U);
  uint32_t node = Number(index, 8);
  while (true) {
    size_t at = node & 0x0FFFFFFF;
    if ((node & 0x80000000) != 0) {
      const std::string prefix = index.c_str() + at;
      if (!key.starts_with(prefix)) return {};
      key.erase(0, prefix.size());
      at += prefix.size() + 1;
    }
    const bool has_children = (node & 0x20000000) != 0;
    const auto first = has_children ? static_cast<uint8_t>(index.at(at)) : uint8_t{1};
    const auto last = has_children ? static_cast<uint8_t>(index.at(at + 1)) : uint8_t{0};
    if (key.empty()) {
      if (has_children) at += 2 + 4 * (last - first + 1U);
      std::vector<std::string> values;
      const uint32_t count = (node & 0x40000000) != 0 ? Number(index, at) : 0;
      at += 4;
      for (uint32_t i = 0; i < count; ++i) {
        values.emplace_back(index.c_str() + at + 4);
        at += 4 + values.back().size() + 1;
      }
      return values;
    }
    const auto letter = static_cast<uint8_t>(key[0]);
    if (letter < first || letter > last) return {};
    node = Number(index, at + 2 + 4 * (letter - first));
    if (node == 0) return {};
    key.erase(0, 1);
  }
}

TEST(KmodIndexTest, FindsEveryKeyAndNoOther) {
  const std::string index =
      KmodIndex({{"ext4", "a"}, {"ext3", "b"}, {"ext", "c"}, {"ext4", "d"}, {"x", ""}, {"fs_*", "e"}, {"nf_nat", "f"}});
  EXPECT_THAT(Lookup(index, "ext4"), ElementsAre("a", "d"));
  EXPECT_THAT(Lookup(index, "ext3"), ElementsAre("b"));
  EXPECT_THAT(Lookup(index, "ext"), ElementsAre("c"));
  EXPECT_THAT(Lookup(index, "x"), ElementsAre(""));
  EXPECT_THAT(Lookup(index, "fs_*"), ElementsAre("e"));
  EXPECT_THAT(Lookup(index, "nf_nat"), ElementsAre("f"));
  for (const char* other : {"", "e", "ex", "ext44", "ext5", "y", "nf_na", "nf_nat_"}) {
    EXPECT_THAT(Lookup(index, other), IsEmpty()) << other;
  }
}

TEST(KmodIndexTest, AnIndexOfNothingHoldsNothing) { EXPECT_THAT(Lookup(KmodIndex({}), "x"), IsEmpty()); }

TEST(KmodIndexTest, LeavesOutWhatTheFormatCannotHold) {
  EXPECT_THAT(Lookup(KmodIndex({{"\xC3\xA4", "a"}, {"b", "b"}}), "b"), ElementsAre("b"));
}

TEST(BuiltinEntriesTest, ReadWhatAKernelPackageHolds) {
  EXPECT_THAT(BuiltinEntries("kernel/fs/tmp-fs.ko\nkernel/a.ko\n"), ElementsAre(Pair("tmp_fs", ""), Pair("a", "")));
  EXPECT_THAT(BuiltinAliasEntries(std::string_view("a.license=GPL\0a-b.alias=fs-x\0c.alias=d\0", 38)),
              ElementsAre(Pair("fs_x", "a_b"), Pair("d", "c")));
}

}  // namespace
}  // namespace wslm
