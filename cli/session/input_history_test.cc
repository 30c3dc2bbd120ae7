#include "cli/session/input_history.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace wslm::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Optional;

TEST(InputHistory, AnswersWhatFollowsAnOffset) {
  InputHistory history(100);
  history.Add("abc");
  history.Add("def");
  EXPECT_EQ(history.end(), 6);
  EXPECT_THAT(history.From(0), Optional(ElementsAre("abc", "def")));
  EXPECT_THAT(history.From(2), Optional(ElementsAre("c", "def")));
  EXPECT_THAT(history.From(3), Optional(ElementsAre("def")));
  EXPECT_THAT(history.From(6), Optional(IsEmpty()));
  EXPECT_EQ(history.From(7), std::nullopt);
}

TEST(InputHistory, KeepsNoLessThanItsCapacityAndLittleMore) {
  InputHistory history(10);
  for (int i = 0; i < 100; ++i) history.Add("abcd");
  EXPECT_NE(history.From(390), std::nullopt);
  EXPECT_EQ(history.From(300), std::nullopt);
}

TEST(InputHistory, IsEmptyAtFirst) {
  const InputHistory history(10);
  EXPECT_THAT(history.From(0), Optional(IsEmpty()));
}

}  // namespace
}  // namespace wslm::cli
