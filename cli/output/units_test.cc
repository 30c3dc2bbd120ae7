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
