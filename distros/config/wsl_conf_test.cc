#include "distros/config/wsl_conf.h"

#include "gtest/gtest.h"

namespace wslm {
namespace {

TEST(WslConf, FindsAKeyInItsSection) {
  constexpr char kText[] = "# ours\n[boot]\nsystemd=true\n\n[user]\ndefault = ann\n[network]\nhostname=\n";
  EXPECT_EQ(WslConfValue(kText, "user", "default"), "ann");
  EXPECT_EQ(WslConfValue(kText, "boot", "systemd"), "true");
  EXPECT_EQ(WslConfValue(kText, "network", "hostname"), "");
  EXPECT_EQ(WslConfValue(kText, "boot", "default"), std::nullopt);
  EXPECT_EQ(WslConfValue(kText, "interop", "enabled"), std::nullopt);
  EXPECT_EQ(WslConfValue("", "user", "default"), std::nullopt);
}

TEST(WslConf, CaseDoesNotCount) { EXPECT_EQ(WslConfValue("[USER]\nDeFault=Ann\n", "user", "default"), "Ann"); }

TEST(WslConf, TheFirstOfARepeatedKeyCountsAlsoAcrossSections) {
  EXPECT_EQ(WslConfValue("[user]\ndefault=a\ndefault=b\n", "user", "default"), "a");
  EXPECT_EQ(WslConfValue("[user]\n[x]\n[user]\ndefault=c\n[user]\ndefault=d\n", "user", "default"), "c");
}

TEST(WslConf, SpacesAreTrimmedAndKeptInside) {
  EXPECT_EQ(WslConfValue("[boot]\n\tcommand =\t service ssh  start \t\r\n", "boot", "command"), "service ssh  start");
  EXPECT_EQ(WslConfValue(" [ boot ] \n command=x", "boot", "command"), "x");
}

TEST(WslConf, CommentsEndALineUnlessQuoted) {
  EXPECT_EQ(WslConfValue("[a]\nk = v # comment\n", "a", "k"), "v");
  EXPECT_EQ(WslConfValue("[a]\nk = \"v # no comment\" # comment\n", "a", "k"), "v # no comment");
  EXPECT_EQ(WslConfValue("[a]\n#k = 1\nk = 2\n", "a", "k"), "2");
}

TEST(WslConf, QuotesKeepSpacesAndEscapesStandForTheirCharacters) {
  EXPECT_EQ(WslConfValue("[a]\nk = \"  x  \"\n", "a", "k"), "  x  ");
  EXPECT_EQ(WslConfValue(R"([a]
k = C:\\Users \"me\" \t\n\b)",
                         "a", "k"),
            "C:\\Users \"me\" \t\n\b");
}

TEST(WslConf, ABackslashAtALinesEndContinuesIt) {
  EXPECT_EQ(WslConfValue("[a]\nk = one \\\n two\nl = 3\n", "a", "k"), "one  two");
  EXPECT_EQ(WslConfValue("[a]\nk = one\\\r\ntwo\r\n", "a", "k"), "onetwo");
  EXPECT_EQ(WslConfValue("[a]\nk = one \\\n two\nl = 3\n", "a", "l"), "3");
}

TEST(WslConf, WhatIsMalformedIsSkippedAndStopsNothing) {
  constexpr char kText[] =
      "[a]\nno equals sign\n= no key\nbad key = 1\nk = \"open\nk = \\x\nk = good\n[broken\nk = 5\n[]\nk = 6\n";
  EXPECT_EQ(WslConfValue(kText, "a", "k"), "good");
  EXPECT_EQ(WslConfValue("k = 1\n[a]\n", "a", "k"), std::nullopt);
  EXPECT_EQ(WslConfValue("[a]\nk = 1\\", "a", "k"), std::nullopt);
}

TEST(WslConf, AByteOrderMarkAndWindowsLineEndsAreNoObstacle) {
  EXPECT_EQ(WslConfValue("\xEF\xBB\xBF[user]\r\ndefault=ann\r\n", "user", "default"), "ann");
}

TEST(WslConf, AnyBytesAreRead) {
  std::string text = "[a]\n";
  for (int i = 0; i < 10000; ++i) text += static_cast<char>(i * 37 % 256);
  text += "\n[b]\nk=v\n";
  EXPECT_EQ(WslConfValue(text, "b", "k"), "v");
}

}  // namespace
}  // namespace wslm
