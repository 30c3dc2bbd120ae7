#include "cli/output/units.h"

#include <gtest/gtest.h>

namespace wslm::cli {
namespace {

TEST(Units, BytesHaveTwoOrThreeDigits) {
  EXPECT_EQ(ShowBytes(0), "0 B");
  EXPECT_EQ(ShowBytes(1023), "1023 B");
  EXPECT_EQ(ShowBytes(1024), "1.0 KiB");
  EXPECT_EQ(ShowBytes(1536), "1.5 KiB");
  EXPECT_EQ(ShowBytes(10 << 20), "10 MiB");
  EXPECT_EQ(ShowBytes((1 << 20) - 1), "1.0 MiB");
  EXPECT_EQ(ShowBytes(int64_t{5} << 40), "5.0 TiB");
}

TEST(Units, SizesAreReadAsPeopleWriteThem) {
  for (const char* text : {"64G", "64GB", "64GiB", "64g", "68719476736", "68719476736B"}) {
    EXPECT_EQ(ParseBytes(text).value_or(-1), int64_t{64} << 30) << text;
  }
  EXPECT_EQ(ParseBytes("1K").value_or(-1), 1024);
  EXPECT_EQ(ParseBytes("2T").value_or(-1), int64_t{2} << 40);
  for (const char* text : {"", "G", "foo", "1.5G", "-1G", "1X", "1GX", "1 G", "9999999999T", "99999999999999999999"}) {
    EXPECT_FALSE(ParseBytes(text).ok()) << text;
  }
}

TEST(Units, DurationsGrowCoarser) {
  EXPECT_EQ(ShowDuration(absl::Milliseconds(320)), "0.3 s");
  EXPECT_EQ(ShowDuration(absl::Seconds(12.4)), "12 s");
  EXPECT_EQ(ShowDuration(absl::Seconds(59.7)), "1 min 0 s");
  EXPECT_EQ(ShowDuration(absl::Seconds(125)), "2 min 5 s");
  EXPECT_EQ(ShowDuration(absl::Minutes(63)), "1 h 3 min");
  EXPECT_EQ(ShowDuration(-absl::Seconds(1)), "0.0 s");
}

TEST(Units, VersionsAreOneAndTwo) {
  EXPECT_EQ(ParseVersion("1"), v1::DISTRO_VERSION_1);
  EXPECT_EQ(ParseVersion("2"), v1::DISTRO_VERSION_2);
  EXPECT_EQ(ParseVersion("3"), v1::DISTRO_VERSION_UNSPECIFIED);
  EXPECT_EQ(ParseVersion(""), v1::DISTRO_VERSION_UNSPECIFIED);
  EXPECT_EQ(VersionNumber(v1::DISTRO_VERSION_2), 2);
}

}  // namespace
}  // namespace wslm::cli
