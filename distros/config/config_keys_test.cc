#include "distros/config/config_keys.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace wslm {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(ConfigKeys, BooleansByTheirText) {
  static constexpr struct {
    const char* text;
    bool value;
  } kCases[] = {{"true", true}, {"TRUE", true}, {"1", true}, {"false", false}, {"False", false}, {"0", false}};
  for (const auto& [text, value] : kCases) {
    bool to = !value;
    ConfigKeys keys;
    keys.Bool("a.k", to);
    EXPECT_THAT(keys.Read("[a]\nk = " + std::string(text), "F"), IsEmpty()) << text;
    EXPECT_EQ(to, value) << text;
  }
  bool stays = true;
  ConfigKeys keys;
  keys.Bool("a.k", stays);
  EXPECT_THAT(keys.Read("[A]\nK = perhaps\n", "/etc/wsl.conf"),
              ElementsAre("Invalid boolean value 'perhaps' for key 'a.k' in /etc/wsl.conf:2."));
  EXPECT_TRUE(stays);
}

TEST(ConfigKeys, NumbersByTheirText) {
  static constexpr struct {
    const char* text;
    std::optional<int64_t> value;
  } kCases[] = {{"8", 8},
                {"0x10", 16},
                {"010", 8},
                {"-1", std::nullopt},
                {"0", std::nullopt},
                {"", std::nullopt},
                {"8x", std::nullopt},
                {"--8", std::nullopt},
                {"99999999999999999999", std::nullopt}};
  for (const auto& [text, value] : kCases) {
    std::optional<int64_t> to;
    ConfigKeys keys;
    keys.Integer("a.k", 1, to);
    EXPECT_EQ(keys.Read("[a]\nk = " + std::string(text), "F").empty(), value.has_value()) << text;
    EXPECT_EQ(to, value) << text;
  }
  std::optional<std::chrono::milliseconds> never;
  ConfigKeys keys;
  keys.Milliseconds("a.k", never);
  EXPECT_THAT(keys.Read("[a]\nk = -1\n", "F"), IsEmpty());
  EXPECT_LT(*never, std::chrono::milliseconds(0));
}

TEST(ConfigKeys, SizesByTheirText) {
  static constexpr struct {
    const char* text;
    std::optional<int64_t> value;
  } kCases[] = {{"0", 0},
                {"512", 512},
                {"512B", 512},
                {"4k", 4096},
                {"4 KB", 4096},
                {"2MB", 2 << 20},
                {"8GB", int64_t{8} << 30},
                {"1T", int64_t{1} << 40},
                {"", std::nullopt},
                {"GB", std::nullopt},
                {"1.5GB", std::nullopt},
                {"-1", std::nullopt},
                {"4 sheep", std::nullopt},
                {"9999999999999T", std::nullopt}};
  for (const auto& [text, value] : kCases) {
    std::optional<int64_t> to;
    ConfigKeys keys;
    keys.Size("a.k", to);
    EXPECT_EQ(keys.Read("[a]\nk = " + std::string(text), "F").empty(), value.has_value()) << text;
    EXPECT_EQ(to, value) << text;
  }
}

TEST(ConfigKeys, TheFirstOfARepeatedKeyCountsAlsoAcrossSections) {
  std::string to;
  ConfigKeys keys;
  keys.Text("user.default", to);
  EXPECT_THAT(keys.Read("[user]\ndefault=a\n[x]\n[USER]\nDefault=b\n", "F"),
              ElementsAre("Duplicated config key 'USER.Default' in F:5 (Conflicting key: 'user.default' in F:2)."));
  EXPECT_EQ(to, "a");
}

TEST(ConfigKeys, WarningsComeInTheOrderOfTheirLines) {
  bool to = false;
  ConfigKeys keys;
  keys.Bool("a.k", to);
  keys.Ignored("a", {"old"});
  EXPECT_THAT(keys.Read("j = 1\n[a]\nnew = 1\nold = 2\nbroken\nk = 3\n", "F"),
              ElementsAre("Unknown key '.j' in F:1.", "Unknown key 'a.new' in F:3.", "Expected '=' in F:5.",
                          "Invalid boolean value '3' for key 'a.k' in F:6."));
}

TEST(ConfigKeys, AFileFullOfMistakesDoesNotFillALog) {
  std::string text;
  for (int i = 0; i < 10000; ++i) text += "mistake\n";
  const std::vector<std::string> warnings = ConfigKeys().Read(text, "F");
  EXPECT_LT(warnings.size(), 30u);
  EXPECT_EQ(warnings.back(), "9980 more in F.");
}

}  // namespace
}  // namespace wslm
