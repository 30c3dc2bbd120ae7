#include "runtime-v1/init/text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace wslm::init {
namespace {

TEST(TextTest, AQuotedWordMeansItselfToAShell) {
  EXPECT_EQ(ShellQuoted(""), "''");
  EXPECT_EQ(ShellQuoted("a b"), "'a b'");
  EXPECT_EQ(ShellQuoted("it's"), "'it'\\''s'");
  EXPECT_EQ(ShellQuoted("$(x)`y`\\\n"), "'$(x)`y`\\\n'");
}

TEST(TextTest, EscapedTextHoldsNoControlBytesAndIsUtf8) {
  EXPECT_EQ(Escaped("plain äß€𝄞"), "plain äß€𝄞");
  EXPECT_EQ(Escaped("a\x1b[1mb\n\x7f"), "a\\x1b[1mb\\x0a\\x7f");
  EXPECT_EQ(Escaped("back\\slash"), "back\\x5cslash");
  // A C1 control character, a lone continuation, an overlong form, a surrogate, a cut character.
  EXPECT_EQ(Escaped("\xc2\x9b"), "\\xc2\\x9b");
  EXPECT_EQ(Escaped("\x80"), "\\x80");
  EXPECT_EQ(Escaped("\xc0\xaf"), "\\xc0\\xaf");
  EXPECT_EQ(Escaped("\xed\xa0\x80"), "\\xed\\xa0\\x80");
  EXPECT_EQ(Escaped("\xe2\x82"), "\\xe2\\x82");
}

TEST(TextTest, OnlyRegularFilesAreRead) {
  EXPECT_EQ(ReadTextFile("/nowhere/at/all"), "");
  EXPECT_EQ(ReadTextFile("/dev/zero"), "");
  EXPECT_EQ(ReadTextFile("/"), "");
}

}  // namespace
}  // namespace wslm::init
