#include "distros/lxfs/attributes.h"

#include <sys/sysmacros.h>

#include "gtest/gtest.h"

namespace wslm {
namespace {

constexpr SecondOwner kSecond{1000, 1000};

struct stat HostFile(mode_t mode) {
  struct stat host = {};
  host.st_mode = mode;
  return host;
}

// What the host file of these attributes looks like after `form` was applied.
struct stat Stored(const GuestAttributes& guest, const LxfsHostForm& form) {
  const bool device = S_ISCHR(guest.mode) || S_ISBLK(guest.mode);
  return HostFile((device ? S_IFSOCK : guest.mode & S_IFMT) | form.host_mode);
}

TEST(LxfsAttributes, WhatIsStoredIsSeenAgainForAllTypesModesAndOwners) {
  constexpr SecondOwner kOwners[] = {{0, 0}, {1000, 1000}, {100, 65534}, {0, 1000}, {1000, 0}, {4294967294u, 7}};
  constexpr mode_t kTypes[] = {S_IFREG, S_IFDIR, S_IFLNK, S_IFIFO, S_IFSOCK, S_IFCHR, S_IFBLK};
  for (const SecondOwner second : {kSecond, SecondOwner{0, 0}, SecondOwner{100, 65534}}) {
    for (const mode_t type : kTypes) {
      for (const SecondOwner owner : kOwners) {
        for (mode_t mode = 0; mode <= 07777; ++mode) {
          GuestAttributes guest{.mode = type | mode, .uid = owner.uid, .gid = owner.gid};
          if (type == S_IFCHR || type == S_IFBLK) guest.rdev = makedev(5, 1);
          const LxfsHostForm form = LxfsHostFormOf(guest, second);
          const struct stat host = Stored(guest, form);
          const auto record = form.needs_record ? DecodeLxfsRecord(EncodeLxfsRecord(guest)) : std::nullopt;
          ASSERT_EQ(form.needs_record, record.has_value());
          ASSERT_EQ(LxfsGuestView(host, record, second), guest) << std::oct << guest.mode << " " << owner.uid;
          if (form.needs_record) {
            ASSERT_TRUE(LxfsMayHaveRecord(host)) << std::oct << guest.mode;
          }
        }
      }
    }
  }
}

TEST(LxfsAttributes, HostFilesAreNeverSetIdAndAlwaysReadableByTheirOwner) {
  for (const uint32_t uid : {0u, 1000u, 7u}) {
    for (mode_t mode = 0; mode <= 07777; ++mode) {
      const mode_t file = LxfsHostFormOf({.mode = S_IFREG | mode, .uid = uid, .gid = uid}, kSecond).host_mode;
      EXPECT_EQ(file & (S_ISUID | S_ISGID), 0u);
      EXPECT_EQ(file & S_IRUSR, static_cast<mode_t>(S_IRUSR));
      const mode_t folder = LxfsHostFormOf({.mode = S_IFDIR | mode, .uid = uid, .gid = uid}, kSecond).host_mode;
      EXPECT_EQ(folder & (S_ISUID | S_ISGID), 0u);
      EXPECT_EQ(folder & S_IRWXU, static_cast<mode_t>(S_IRWXU));
    }
  }
}

TEST(LxfsAttributes, OrdinaryFilesOfRootAndOfTheSecondOwnerNeedNoRecord) {
  EXPECT_FALSE(LxfsHostFormOf({.mode = S_IFREG | 0644}, kSecond).needs_record);
  EXPECT_FALSE(LxfsHostFormOf({.mode = S_IFREG | 0444}, kSecond).needs_record);
  EXPECT_FALSE(LxfsHostFormOf({.mode = S_IFDIR | 0755, .uid = 1000, .gid = 1000}, kSecond).needs_record);
  EXPECT_FALSE(LxfsHostFormOf({.mode = S_IFREG | 0600, .uid = 1000, .gid = 1000}, kSecond).needs_record);
  EXPECT_FALSE(LxfsHostFormOf({.mode = S_IFLNK | 0777}, kSecond).needs_record);
  EXPECT_FALSE(LxfsHostFormOf({.mode = S_IFSOCK | 0755}, kSecond).needs_record);
  EXPECT_TRUE(LxfsHostFormOf({.mode = S_IFREG | 04755}, kSecond).needs_record);
  EXPECT_TRUE(LxfsHostFormOf({.mode = S_IFREG | 0640, .gid = 42}, kSecond).needs_record);
}

TEST(LxfsAttributes, AFileMadeOutsideIsRootsWithTheHostsMode) {
  EXPECT_EQ(LxfsGuestView(HostFile(S_IFREG | 0664), std::nullopt, kSecond), (GuestAttributes{.mode = S_IFREG | 0664}));
  EXPECT_EQ(LxfsGuestView(HostFile(S_IFLNK | 0777), std::nullopt, kSecond), (GuestAttributes{.mode = S_IFLNK | 0777}));
}

TEST(LxfsAttributes, ARecordCountsOnlyWhereTheHostsModeAsksForIt) {
  const GuestAttributes record{.mode = S_IFREG | 04755, .uid = 7, .gid = 7};
  EXPECT_EQ(LxfsGuestView(HostFile(S_IFREG | 01700), record, kSecond), record);
  EXPECT_EQ(LxfsGuestView(HostFile(S_IFREG | 0700), record, kSecond), (GuestAttributes{.mode = S_IFREG | 0700}));
  EXPECT_EQ(LxfsGuestView(HostFile(S_IFREG | 01750), record, kSecond),
            (GuestAttributes{.mode = S_IFREG | 0750, .uid = 1000, .gid = 1000}));
}

TEST(LxfsAttributes, ARecordOfAnotherTypeIsIgnored) {
  const GuestAttributes device{.mode = S_IFCHR | 0666, .rdev = makedev(1, 3)};
  EXPECT_EQ(LxfsGuestView(HostFile(S_IFSOCK | 0600), device, kSecond), device);
  EXPECT_EQ(LxfsGuestView(HostFile(S_IFLNK | 0777), device, kSecond).mode, S_IFLNK | 0777u);
  EXPECT_EQ(LxfsGuestView(HostFile(S_IFREG | 01600), device, kSecond).mode, S_IFREG | 0600u);
}

TEST(LxfsAttributes, ARecordIs24LittleEndianBytes) {
  const std::string bytes = EncodeLxfsRecord({.mode = S_IFREG | 04755, .uid = 0x01020304, .gid = 5, .rdev = 0x0600});
  EXPECT_EQ(bytes, std::string("\1\0\0\0\xed\x89\0\0\4\3\2\1\5\0\0\0\0\6\0\0\0\0\0\0", 24));
}

TEST(LxfsAttributes, WhatIsNoRecordIsNotTakenForOne) {
  const std::string good = EncodeLxfsRecord({.mode = S_IFREG | 0644});
  EXPECT_FALSE(DecodeLxfsRecord(""));
  EXPECT_FALSE(DecodeLxfsRecord(good.substr(1)));
  EXPECT_FALSE(DecodeLxfsRecord(good + "x"));
  EXPECT_FALSE(DecodeLxfsRecord("\2" + good.substr(1)));
  std::string bad_mode = good;
  bad_mode[7] = 1;
  EXPECT_FALSE(DecodeLxfsRecord(bad_mode));
}

}  // namespace
}  // namespace wslm
