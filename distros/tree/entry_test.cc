#include "distros/tree/entry.h"

#include <string>

#include "distros/host/error.h"
#include "gtest/gtest.h"

namespace wslm {
namespace {

TEST(FileType, IsThatOfItsTypeBits) {
  for (const FileType type : {FileType::kRegular, FileType::kDirectory, FileType::kSymlink, FileType::kCharDevice,
                              FileType::kBlockDevice, FileType::kFifo, FileType::kSocket}) {
    EXPECT_EQ(TypeOfMode(TypeBits(type) | 07777), type);
  }
  EXPECT_EQ(TypeBits(FileType::kSymlink), 0120000u);
  EXPECT_EQ(TypeOfMode(0644), std::nullopt);
}

TEST(NormalisedPath, MakesPathsRelativeAndPlain) {
  EXPECT_EQ(NormalisedPath("./etc//passwd"), "etc/passwd");
  EXPECT_EQ(NormalisedPath("/etc/./x/"), "etc/x");
  EXPECT_EQ(NormalisedPath("./"), "");
  EXPECT_EQ(NormalisedPath(""), "");
  EXPECT_EQ(NormalisedPath("..a/...b"), "..a/...b");
  EXPECT_EQ(NormalisedPath("\xff\n"), "\xff\n");
}

TEST(NormalisedPath, RefusesWhatLeadsOutOrCannotBe) {
  EXPECT_EQ(NormalisedPath(".."), std::nullopt);
  EXPECT_EQ(NormalisedPath("a/../b"), std::nullopt);
  EXPECT_EQ(NormalisedPath("/.."), std::nullopt);
  EXPECT_EQ(NormalisedPath(std::string("a\0b", 3)), std::nullopt);
  EXPECT_EQ(NormalisedPath(std::string(256, 'x')), std::nullopt);
  EXPECT_NE(NormalisedPath(std::string(255, 'x')), std::nullopt);
}

TEST(CheckEntry, TakesOrdinaryEntries) {
  EXPECT_TRUE(CheckEntry({.path = "", .type = FileType::kDirectory, .mode = 0755}).ok());
  EXPECT_TRUE(CheckEntry({.path = "a/b", .mode = 04755, .size = 5, .xattrs = {{"user.a", ""}}}).ok());
  EXPECT_TRUE(CheckEntry({.path = "a", .type = FileType::kSymlink, .symlink_target = "../../etc"}).ok());
  EXPECT_TRUE(CheckEntry({.path = "a", .hard_link_to = "b"}).ok());
}

TEST(CheckEntry, TheMapOfAFilesDataLiesWithinItInOrder) {
  Entry entry{.path = "a", .size = 10};
  for (const auto& good : std::vector<std::vector<DataExtent>>{{}, {{0, 10}}, {{0, 1}, {1, 0}, {3, 7}}}) {
    entry.extents = good;
    EXPECT_TRUE(CheckEntry(entry).ok());
  }
  for (const auto& bad : std::vector<std::vector<DataExtent>>{
           {{-1, 2}}, {{0, -1}}, {{0, 11}}, {{10, 1}}, {{INT64_MAX, INT64_MAX}}, {{4, 2}, {0, 2}}, {{0, 5}, {4, 1}}}) {
    entry.extents = bad;
    EXPECT_FALSE(CheckEntry(entry).ok());
  }
}

TEST(CheckEntry, NamesTheEntryThatCannotBe) {
  for (const Entry& entry :
       {Entry{.path = "bad/"}, Entry{.path = "bad/../x"}, Entry{.path = "/bad"}, Entry{.path = "bad", .mode = 0100644},
        Entry{.path = "bad", .size = -1}, Entry{.path = "bad", .mtime = {0, 1'000'000'000}},
        Entry{.path = "bad", .type = FileType::kSymlink},
        Entry{.path = "bad", .type = FileType::kSymlink, .symlink_target = std::string("a\0", 2)},
        Entry{.path = "bad", .hard_link_to = "../x"}, Entry{.path = "bad", .xattrs = {{"", "x"}}},
        Entry{.path = "bad", .xattrs = {{"user.x", std::string(65537, 'x')}}}}) {
    const absl::Status status = CheckEntry(entry);
    EXPECT_EQ(ReasonOf(status), reason::kCorruptSource);
    EXPECT_NE(std::string(status.message()).find("bad"), std::string::npos);
  }
}

}  // namespace
}  // namespace wslm
