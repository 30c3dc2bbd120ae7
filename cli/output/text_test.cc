#include "cli/output/text.h"

#include <gtest/gtest.h>

namespace wslm::cli {
namespace {

TEST(Text, ItsWidthIsThatOnATerminal) {
  EXPECT_EQ(DisplayWidth(""), 0u);
  EXPECT_EQ(DisplayWidth("abc"), 3u);
  EXPECT_EQ(DisplayWidth("\u00fc\u00df"), 2u);
  EXPECT_EQ(DisplayWidth("\u65e5\u672c"), 4u);
  EXPECT_EQ(DisplayWidth("e\u0301"), 1u) << "a combining accent";
}

TEST(Text, IsShortenedInTheMiddle) {
  EXPECT_EQ(ShortenMiddle("usr/lib/x", 9), "usr/lib/x");
  EXPECT_EQ(ShortenMiddle("usr/share/locale/de/x.mo", 12), "usr...e/x.mo");
  EXPECT_EQ(ShortenMiddle("abcdef", 3), "");
  EXPECT_LE(DisplayWidth(ShortenMiddle("\u65e5\u672c\u8a9e\u65e5\u672c\u8a9e\u65e5\u672c\u8a9e", 8)), 8u);
  EXPECT_TRUE(IsUtf8(ShortenMiddle("\u65e5\u672c\u8a9e\u65e5\u672c\u8a9e\u65e5\u672c\u8a9e", 8)));
}

TEST(Text, IsPaddedToAWidth) {
  EXPECT_EQ(PadRight("ab", 4), "ab  ");
  EXPECT_EQ(PadRight("\u00fc", 3), "\u00fc  ");
  EXPECT_EQ(PadRight("abc", 2), "abc");
}

TEST(Text, IsUtf8OrNot) {
  EXPECT_TRUE(IsUtf8("a\u00fc\u20ac\U0001f600"));
  for (const char* bad : {"\xff", "\xc3", "\xc0\x80", "\xed\xa0\x80", "\xf5\x80\x80\x80", "a\x80"}) {
    EXPECT_FALSE(IsUtf8(bad)) << bad;
  }
}

TEST(Text, DistanceCountsASwapOnce) {
  EXPECT_EQ(EditDistance("import", "import"), 0u);
  EXPECT_EQ(EditDistance("improt", "import"), 1u);
  EXPECT_EQ(EditDistance("", "abc"), 3u);
  EXPECT_EQ(EditDistance("kitten", "sitting"), 3u);
}

}  // namespace
}  // namespace wslm::cli
