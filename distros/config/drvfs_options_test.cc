#include "distros/config/drvfs_options.h"

#include <gtest/gtest.h>

namespace wslm {
namespace {

TEST(DrvfsOptions, AreReadAndShown) {
  DrvfsOptions options;
  EXPECT_TRUE(
      ReadDrvfsOptions("metadata, uid=1000,gid=5,umask=022,fmask=11,dmask=007,case=off,ro,defaults,", options).empty());
  EXPECT_EQ(options,
            (DrvfsOptions{
                .metadata = true, .read_only = true, .uid = 1000, .gid = 5, .umask = 022, .fmask = 011, .dmask = 07}));
  EXPECT_EQ(DrvfsOptionsText(options), "metadata,uid=1000,gid=5,umask=22,fmask=11,dmask=7");
  EXPECT_EQ(DrvfsOptionsText({}), "");
}

TEST(DrvfsOptions, WhatIsNoneIsSkippedAndTold) {
  for (const char* bad : {"uid=ann", "uid=", "umask=9", "umask=1777", "umask=", "case=on", "metadata=1", "bogus"}) {
    DrvfsOptions options;
    EXPECT_EQ(ReadDrvfsOptions(std::string("gid=7,") + bad, options), std::vector<std::string>{bad});
    EXPECT_EQ(options, (DrvfsOptions{.gid = 7})) << bad;
  }
}

}  // namespace
}  // namespace wslm
