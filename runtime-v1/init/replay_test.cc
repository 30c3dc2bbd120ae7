#include "runtime-v1/init/replay.h"

#include <gtest/gtest.h>

namespace wslm::init {
namespace {

std::string All(const Replay& replay, int64_t from) {
  std::string all;
  while (from < replay.end()) {
    const std::string_view piece = replay.At(from, 1000);
    if (piece.empty()) return all + "<gap>";
    all += piece;
    from += static_cast<int64_t>(piece.size());
  }
  return all;
}

TEST(ReplayTest, HoldsTheLastBytesByOffset) {
  Replay replay(10);
  EXPECT_EQ(replay.begin(), 0);
  EXPECT_EQ(replay.At(0, 5), "");
  replay.Append("abcdef");
  EXPECT_EQ(All(replay, 0), "abcdef");
  EXPECT_EQ(replay.At(2, 3), "cde");
  replay.Append("ghijkl");
  EXPECT_EQ(replay.begin(), 2);
  EXPECT_EQ(replay.end(), 12);
  EXPECT_EQ(All(replay, 2), "cdefghijkl");
  EXPECT_EQ(All(replay, 11), "l");
  EXPECT_EQ(replay.At(12, 5), "");
}

TEST(ReplayTest, MoreThanTheCapacityAtOnceLeavesItsEnd) {
  Replay replay(4);
  replay.Append("ab");
  replay.Append("0123456789");
  EXPECT_EQ(replay.begin(), 8);
  EXPECT_EQ(All(replay, 8), "6789");
}

TEST(ReplayTest, ManyAppendsOfAllSizesKeepExactlyTheCapacity) {
  Replay replay(20'000);
  std::string everything;
  for (size_t i = 0; i < 500; ++i) {
    std::string bytes(i * 37 % 9000, static_cast<char>('a' + i % 26));
    replay.Append(bytes);
    everything += bytes;
  }
  EXPECT_EQ(replay.end(), static_cast<int64_t>(everything.size()));
  EXPECT_EQ(replay.end() - replay.begin(), 20'000);
  EXPECT_EQ(All(replay, replay.begin()), everything.substr(everything.size() - 20'000));
}

}  // namespace
}  // namespace wslm::init
