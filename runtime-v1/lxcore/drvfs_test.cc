#include "runtime-v1/lxcore/drvfs.h"

#include "gtest/gtest.h"

namespace wslm::lxcore {
namespace {

constexpr DrvfsOptions kAnns{.uid = 1000, .gid = 100};

TEST(Drvfs, AllIsTheOwnersWithAllRightsButWhatAMaskTakes) {
  EXPECT_EQ(DrvfsView(S_IFREG | 0600, std::nullopt, kAnns),
            (GuestAttributes{.mode = S_IFREG | 0777, .uid = 1000, .gid = 100}));
  DrvfsOptions masked = kAnns;
  masked.umask = 07;
  masked.fmask = 0111;
  masked.dmask = 020;
  EXPECT_EQ(DrvfsView(S_IFREG | 0600, std::nullopt, masked).mode, S_IFREG | 0660u);
  EXPECT_EQ(DrvfsView(S_IFDIR | 01777, std::nullopt, masked).mode, S_IFDIR | 0750u);
  EXPECT_EQ(DrvfsView(S_IFLNK | 0777, std::nullopt, masked).mode, S_IFLNK | 0777u);
}

TEST(Drvfs, ARecordCountsWithMetadataAndWhenItIsOfTheFilesType) {
  const GuestAttributes record{.mode = S_IFREG | 04640, .uid = 0, .gid = 33};
  DrvfsOptions metadata = kAnns;
  metadata.metadata = true;
  EXPECT_EQ(DrvfsView(S_IFREG | 0644, record, metadata), record);
  EXPECT_EQ(DrvfsView(S_IFREG | 0644, record, kAnns).uid, 1000u);
  EXPECT_EQ(DrvfsView(S_IFDIR | 0755, record, metadata).uid, 1000u);
}

TEST(Drvfs, TheHostsUserCanAlwaysUseAFileAndOnlyReadersRunIt) {
  EXPECT_EQ(DrvfsHostMode(S_IFREG | 04040), 0640u);
  EXPECT_EQ(DrvfsHostMode(S_IFDIR | 0050), 0750u);
  EXPECT_EQ(DrvfsExecutableMode(S_IFREG | 0640, 0777), 0750u);
  EXPECT_EQ(DrvfsExecutableMode(S_IFREG | 0755, 0600), 0755u);
}

}  // namespace
}  // namespace wslm::lxcore
