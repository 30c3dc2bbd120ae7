#include "runtime-v1/lxcore/id_map.h"

#include <gtest/gtest.h>

namespace wslm::lxcore {
namespace {

TEST(IdMapTest, NumbersUsersBothWays) {
  const auto map = ParseIdMap("0 1000 1\n1 100000 65536\n");
  ASSERT_TRUE(map.has_value());
  EXPECT_EQ(map->Outside(0), 1000u);
  EXPECT_EQ(map->Outside(33), 100032u);
  EXPECT_EQ(map->Outside(65537), std::nullopt);
  EXPECT_EQ(map->Inside(1000), 0u);
  EXPECT_EQ(map->Inside(100032), 33u);
  EXPECT_EQ(map->Inside(0), kOverflowId);
  EXPECT_TRUE(map->Knows(165535));
  EXPECT_FALSE(map->Knows(165536));
}

TEST(IdMapTest, IsShownAsTheKernelShowsIt) {
  EXPECT_EQ(ParseIdMap("0 1000 1")->Text(), "         0       1000          1\n");
}

TEST(IdMapTest, TakesSpacesAsTheKernelDoes) {
  EXPECT_EQ(ParseIdMap("  0\t5  1 \n")->ranges, (std::vector<IdMap::Range>{{0, 5, 1}}));
}

TEST(IdMapTest, EndsAtANul) {
  constexpr std::string_view kText("0 5 1\n\0x", 8);
  EXPECT_EQ(ParseIdMap(kText)->ranges, (std::vector<IdMap::Range>{{0, 5, 1}}));
}

TEST(IdMapTest, WhatTheKernelRefusesIsNoMap) {
  for (const char* text : {"", "\n", "0", "0 1", "0 1 x", "0 1 0", "0 1 1 1", "a 1 1", "-1 0 1", "0 4294967295 1",
                           "0 1 4294967295", "0 0 2\n1 5 1\n", "0 0 2\n5 1 1\n"}) {
    EXPECT_EQ(ParseIdMap(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace wslm::lxcore
