#include "distros/host/files.h"

#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "distros/host/error.h"
#include "distros/host/test_folder.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace wslm {
namespace {

using testing::HasSubstr;

TEST(Files, WriteFileAtomicallyReplacesContentAndModeAndLeavesNothingBeside) {
  const TestFolder folder;
  ASSERT_TRUE(WriteFileAtomically(folder / "a", "old").ok());
  ASSERT_TRUE(WriteFileAtomically(folder / "a", "new", 0644).ok());
  EXPECT_EQ(*ReadSmallFile(folder / "a"), "new");
  struct stat st;
  ASSERT_EQ(::stat((folder / "a").c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 07777, 0644u);
  ASSERT_EQ(::unlink((folder / "a").c_str()), 0);
  EXPECT_TRUE(IsEmptyFolder(folder.path()));
}

TEST(Files, WriteFileAtomicallyReplacesALinkNotWhatItLeadsTo) {
  const TestFolder folder;
  ASSERT_TRUE(WriteFileAtomically(folder / "target", "kept").ok());
  ASSERT_EQ(::symlink("target", (folder / "link").c_str()), 0);
  ASSERT_TRUE(WriteFileAtomically(folder / "link", "new").ok());
  EXPECT_EQ(*ReadSmallFile(folder / "target"), "kept");
  EXPECT_EQ(*ReadSmallFile(folder / "link"), "new");
}

TEST(Files, WriteFileAtomicallyOverAFolderFailsAndLeavesNothing) {
  const TestFolder folder;
  ASSERT_TRUE(MakeFolders(folder / "sub").ok());
  EXPECT_FALSE(WriteFileAtomically(folder / "sub", "x").ok());
  ASSERT_EQ(::rmdir((folder / "sub").c_str()), 0);
  EXPECT_TRUE(IsEmptyFolder(folder.path()));
}

TEST(Files, ReadSmallFileRefusesLargeFilesFoldersAndFifos) {
  const TestFolder folder;
  ASSERT_TRUE(WriteFileAtomically(folder / "a", "12345").ok());
  EXPECT_TRUE(ReadSmallFile(folder / "a", 5).ok());
  EXPECT_FALSE(ReadSmallFile(folder / "a", 4).ok());
  EXPECT_FALSE(ReadSmallFile(folder.path()).ok());
  ASSERT_EQ(::mkfifo((folder / "fifo").c_str(), 0600), 0);
  EXPECT_FALSE(ReadSmallFile(folder / "fifo").ok());
}

TEST(Files, AMissingFileIsFileNotFound) {
  const absl::Status status = ReadSmallFile("/nowhere/at all\n").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(ReasonOf(status), reason::kFileNotFound);
  EXPECT_EQ(MetadataOf(status)["path"], "/nowhere/at all\n");
  EXPECT_EQ(status.message(), "There is no file /nowhere/at all\\x0A.");
}

TEST(Files, MakeFoldersMakesAllLevelsAndRefusesAFileInTheWay) {
  const TestFolder folder;
  EXPECT_TRUE(MakeFolders(folder / "a/b/c").ok());
  EXPECT_TRUE(MakeFolders(folder / "a/b/c").ok());
  EXPECT_TRUE(IsEmptyFolder(folder / "a/b/c"));
  ASSERT_TRUE(WriteFileAtomically(folder / "file", "").ok());
  EXPECT_FALSE(MakeFolders(folder / "file/x").ok());
}

TEST(Files, TooLittleSpaceIsDiskFullWithBothFigures) {
  const absl::Status status = CheckFreeSpace("/", int64_t{1} << 62);
  EXPECT_EQ(ReasonOf(status), reason::kDiskFull);
  EXPECT_EQ(MetadataOf(status)["needed_bytes"], "4611686018427387904");
  EXPECT_NE(MetadataOf(status)["free_bytes"], "");
  EXPECT_THAT(std::string(status.message()), HasSubstr("needs 4.0 EiB, has "));
  EXPECT_TRUE(CheckFreeSpace("/", 0).ok());
}

TEST(Files, AWriteThatFoundNoRoomIsToldWithFigures) {
  const absl::Status status = WithFreeSpace(ErrnoError("cannot write", "usr/x", ENOSPC), "/", 3 << 20);
  EXPECT_EQ(ReasonOf(status), reason::kDiskFull);
  EXPECT_EQ(MetadataOf(status)["path"], "/");
  EXPECT_EQ(MetadataOf(status)["needed_bytes"], "3145728");
  EXPECT_NE(MetadataOf(status)["free_bytes"], "");
  EXPECT_THAT(std::string(status.message()), HasSubstr("No room in /: needs about 3.0 MiB, has "));
  EXPECT_THAT(std::string(status.message()), HasSubstr("(cannot write usr/x: No space left on device)."));
  EXPECT_EQ(WithFreeSpace(status, "/nowhere", 0), status);
  const absl::Status other = ErrnoError("cannot write", "usr/x", EIO);
  EXPECT_EQ(WithFreeSpace(other, "/", 0), other);
}

TEST(Files, SizesAreForPeople) {
  EXPECT_EQ(HumanSize(0), "0 B");
  EXPECT_EQ(HumanSize(1023), "1023 B");
  EXPECT_EQ(HumanSize(1024), "1.0 KiB");
  EXPECT_EQ(HumanSize((int64_t{1} << 20) - 1), "1.0 MiB");
  EXPECT_EQ(HumanSize(int64_t{1288490189}), "1.2 GiB");
}

TEST(Files, PathsFallApartAtTheLastSlash) {
  EXPECT_EQ(ParentPath("/a/b"), "/a");
  EXPECT_EQ(ParentPath("/a"), "/");
  EXPECT_EQ(ParentPath("a"), ".");
  EXPECT_EQ(BaseName("/a/b"), "b");
  EXPECT_EQ(BaseName("a"), "a");
}

}  // namespace
}  // namespace wslm
