#include "distros/config/words.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace wslm {
namespace {

TEST(Words, IdsAreStrictDecimalNumbersOf32Bits) {
  EXPECT_EQ(ParseId("0"), 0u);
  EXPECT_EQ(ParseId("1000"), 1000u);
  EXPECT_EQ(ParseId("4294967294"), 4294967294u);
  for (const char* bad :
       {"", "-1", "+1", " 1", "1 ", "0x10", "1a", "4294967295", "4294967296", "99999999999999999999"}) {
    EXPECT_EQ(ParseId(bad), std::nullopt) << bad;
  }
}

TEST(Words, SplitKeepsEmptyParts) {
  EXPECT_THAT(Split("a::b:", ':'), ::testing::ElementsAre("a", "", "b", ""));
  EXPECT_THAT(Split("", ':'), ::testing::ElementsAre(""));
}

TEST(Words, CaseIsThatOfAsciiLetters) {
  EXPECT_TRUE(SameWithoutCase("GenerateHosts", "generatehosts"));
  EXPECT_FALSE(SameWithoutCase("a", "ab"));
  EXPECT_FALSE(SameWithoutCase("[", "{"));
}

}  // namespace
}  // namespace wslm
