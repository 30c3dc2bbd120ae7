#include "distros/config/config_file.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace wslm {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// "key=value@line" for each entry.
std::vector<std::string> Entries(std::string_view text) {
  std::vector<std::string> shown;
  for (const ConfigEntry& entry : ParseConfigFile(text, "F").entries) {
    shown.push_back(entry.key + "=" + entry.value + "@" + std::to_string(entry.line));
  }
  return shown;
}

std::vector<std::string> Warnings(std::string_view text) {
  std::vector<std::string> shown;
  for (const ConfigWarning& warning : ParseConfigFile(text, "F").warnings) shown.push_back(warning.text);
  return shown;
}

TEST(ConfigFile, KeysAreThoseOfTheirSection) {
  EXPECT_THAT(Entries("# ours\n[boot]\nsystemd=true\n\n[user]\ndefault = ann\n[network]\nhostname=\n"),
              ElementsAre("boot.systemd=true@3", "user.default=ann@6", "network.hostname=@8"));
  EXPECT_THAT(Entries(""), IsEmpty());
  EXPECT_THAT(Entries("k = 1\n"), ElementsAre(".k=1@1"));
}

TEST(ConfigFile, ValuesByTheirLines) {
  static constexpr struct {
    const char* line;
    const char* value;
  } kCases[] = {
      {"\tk =\t service ssh  start \t\r", "service ssh  start"},
      {"k = v # comment", "v"},
      {"k = \"v # no comment\" # comment", "v # no comment"},
      {"k = \"  x  \"", "  x  "},
      {"k = a\" b \"c", "a b c"},
      {"k = \"\"", ""},
      {R"(k = C:\\Users \"me\" \t\n\b)", "C:\\Users \"me\" \t\n\b"},
      {"k = one \\\n two", "one  two"},
      {"k = one\\\r\ntwo", "onetwo"},
      {"k = a = b", "a = b"},
  };
  for (const auto& [line, value] : kCases) {
    EXPECT_THAT(Entries("[a]\n" + std::string(line) + "\n"), ElementsAre("a.k=" + std::string(value) + "@2")) << line;
    EXPECT_THAT(Warnings("[a]\n" + std::string(line) + "\n"), IsEmpty()) << line;
  }
}

TEST(ConfigFile, WhatIsMalformedIsSkippedWithAWarning) {
  static constexpr struct {
    const char* line;
    const char* warning;
  } kCases[] = {
      {"no equals sign", "Expected '=' in F:2"},
      {"= no key", "Invalid key name in F:2"},
      {"bad key = 1", "Invalid key name in F:2"},
      {"k = \"open", "Expected '\"' in F:2"},
      {"k = \\x", "Invalid escaped character: 'x' in F:2"},
      {"[broken", "Expected ']' in F:2"},
      {"[]", "Invalid section name in F:2"},
      {"[a b]", "Invalid section name in F:2"},
  };
  for (const auto& [line, warning] : kCases) {
    EXPECT_THAT(Warnings("[a]\n" + std::string(line) + "\n"), ElementsAre(warning)) << line;
    EXPECT_THAT(Entries("[a]\n" + std::string(line) + "\n[b]\nk = good\n"), ElementsAre("b.k=good@4")) << line;
  }
  EXPECT_THAT(Warnings("[a]\nk = 1\\"), ElementsAre("Invalid escaped character: '' in F:2"));
}

TEST(ConfigFile, ALineThatGoesOnCountsForWhatFollows) {
  EXPECT_THAT(Entries("[a]\nk = one \\\n two\nl = 3\n"), ElementsAre("a.k=one  two@2", "a.l=3@4"));
  EXPECT_THAT(Warnings("[a]\nk = \\\n\"\nl\n"), ElementsAre("Expected '\"' in F:2", "Expected '=' in F:4"));
}

TEST(ConfigFile, KeysBelowAMalformedHeaderBelongToNobody) {
  EXPECT_THAT(Entries("[a]\n[broken\nk = 5\n[b]\nk = 6\n"), ElementsAre("b.k=6@5"));
}

TEST(ConfigFile, AByteOrderMarkAndWindowsLineEndsAreNoObstacle) {
  EXPECT_THAT(Entries("\xEF\xBB\xBF[user]\r\ndefault=ann\r\n"), ElementsAre("user.default=ann@2"));
}

TEST(ConfigFile, AnyBytesAreRead) {
  std::string text = "[a]\n";
  for (int i = 0; i < 10000; ++i) text += static_cast<char>(i * 37 % 256);
  text += "\n[b]\nk=v\n";
  EXPECT_EQ(ParseConfigFile(text, "F").entries.back().value, "v");
}

TEST(ConfigFile, LongValuesAreCutInWarnings) {
  EXPECT_EQ(ShownValue("short"), "short");
  EXPECT_LT(ShownValue(std::string(1000, 'x')).size(), 100u);
}

}  // namespace
}  // namespace wslm
