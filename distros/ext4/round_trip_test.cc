// What goes into an image comes out of it, and e2fsck finds nothing to say about it.
#include <algorithm>

#include "distros/ext4/test_image.h"

namespace wslm {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class Ext4RoundTrip : public ::testing::Test {
 protected:
  TemporaryFolder folder_;
};

TestFile WithEntry(TestFile file, const std::function<void(Entry&)>& change) {
  change(file.entry);
  return file;
}

TEST_F(Ext4RoundTrip, KeepsOneOfEverything) {
  const std::vector<TestFile> written = SampleTree();
  const std::vector<TestFile> read = RoundTrip(folder_, written);
  EXPECT_EQ(read.size(), written.size());
  const Entry many = Find(written, "with-many-xattrs").entry;
  EXPECT_EQ(Find(read, "with-many-xattrs").entry.xattrs, many.xattrs);
  EXPECT_EQ(Find(read, "with-acl").entry.xattrs.at("system.posix_acl_access"), SampleAcl());
  EXPECT_EQ(Find(read, "dev/large-minor").entry.rdev_minor, 1'048'575u);
  EXPECT_EQ(Find(read, "home").entry.uid, 4'000'000'000u);
}

TEST_F(Ext4RoundTrip, AnEmptyTreeIsARootAlone) {
  const std::vector<TestFile> read = RoundTrip(folder_, {Folder("", 0700)});
  ASSERT_EQ(read.size(), 1u);
  EXPECT_EQ(read[0].entry.path, "");
  EXPECT_EQ(read[0].entry.mode, 0700);
}

TEST_F(Ext4RoundTrip, KeepsTheDefaultSizeInAFewMegabytes) {
  const std::string image = folder_ / "image";
  ASSERT_EQ(WriteImage(image, {File("a", "a")}, Ext4Options()).status(), absl::OkStatus());
  struct stat status;
  ASSERT_EQ(::stat(image.c_str(), &status), 0);
  EXPECT_EQ(status.st_size, int64_t{256} << 30);
  EXPECT_LT(status.st_blocks * 512, 16 << 20);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
  EXPECT_EQ(CheckExt4(image), absl::OkStatus());
}

TEST_F(Ext4RoundTrip, KeepsAllFourTimes) {
  TestFile file = File("times", "t");
  file.entry.mtime = {-1, 999'999'999};
  file.entry.atime = Timestamp{0, 1};
  file.entry.ctime = Timestamp{(int64_t{1} << 31) + 5, 7};
  file.entry.birth = Timestamp{(int64_t{1} << 34) - (int64_t{1} << 31) - 1, 0};
  const std::vector<TestFile> read = RoundTrip(folder_, {file});
  const Entry entry = Find(read, "times").entry;
  EXPECT_EQ(entry.mtime, file.entry.mtime);
  EXPECT_EQ(entry.atime, file.entry.atime);
  EXPECT_EQ(entry.ctime, file.entry.ctime);
  EXPECT_EQ(entry.birth, file.entry.birth);
}

TEST_F(Ext4RoundTrip, HolesStayHoles) {
  TestFile file = {{.path = "disk", .mode = 0644, .size = int64_t{6} << 30}, {}};
  file.blocks = {{0, "start"}, {int64_t{5} << 30, std::string(8192, 'z')}};
  const std::string image = folder_ / "image";
  ASSERT_EQ(WriteImage(image, {file}).status(), absl::OkStatus());
  struct stat status;
  ASSERT_EQ(::stat(image.c_str(), &status), 0);
  EXPECT_LT(status.st_blocks * 512, 32 << 20);
  const absl::StatusOr<std::vector<TestFile>> read = ReadImage(image);
  ASSERT_TRUE(read.ok()) << read.status();
  const TestFile disk = Find(*read, "disk");
  EXPECT_EQ(disk.entry.size, int64_t{6} << 30);
  ASSERT_EQ(disk.blocks.size(), 2u);
  EXPECT_EQ(disk.blocks[0].second, std::string("start") + std::string(4091, '\0'));
  EXPECT_EQ(disk.blocks[1].first, int64_t{5} << 30);
  EXPECT_EQ(CheckExt4(image), absl::OkStatus());
}

TEST_F(Ext4RoundTrip, AFileOfVeryManyPiecesHasADeepTreeOfExtents) {
  // 340 extents a block, 4 links in the inode: over 1360 extents need a second level of blocks.
  TestFile file = {{.path = "comb", .mode = 0644, .size = 5000 * 8192}, {}};
  for (int64_t i = 0; i < 5000; ++i) file.blocks.emplace_back(i * 8192, std::to_string(i));
  const std::vector<TestFile> read = RoundTrip(folder_, {file});
  EXPECT_EQ(Find(read, "comb").blocks.size(), 5000u);
}

TEST_F(Ext4RoundTrip, AFileOfAHundredThousandPiecesIsKept) {
  // Hundreds of leaf blocks, found through another block.
  TestFile file = {{.path = "comb", .mode = 0644, .size = int64_t{100'000} * 8192}, {}};
  for (int64_t i = 0; i < 100'000; ++i) file.blocks.emplace_back(i * 8192 + i % 4000, std::to_string(i));
  const std::vector<TestFile> read = RoundTrip(folder_, {file}, {.size = int64_t{1} << 30});
  EXPECT_EQ(Find(read, "comb").blocks.size(), 100'000u);
}

TEST_F(Ext4RoundTrip, ASparseFileOfManyGigabytesIsKept) {
  TestFile file = {{.path = "sparse", .mode = 0600, .size = (int64_t{40} << 30) + 1}, {}};
  for (const int64_t at : {int64_t{0}, (int64_t{8} << 30) - 3, (int64_t{16} << 30) + 5, int64_t{40} << 30}) {
    file.blocks.emplace_back(at, at == int64_t{40} << 30 ? "e" : "piece");
  }
  const std::string image = folder_ / "image";
  ASSERT_EQ(WriteImage(image, {file}).status(), absl::OkStatus());
  EXPECT_EQ(CheckExt4(image), absl::OkStatus());
  const absl::StatusOr<std::vector<TestFile>> read = ReadImage(image);
  ASSERT_TRUE(read.ok()) << read.status();
  const TestFile found = Find(*read, "sparse");
  EXPECT_EQ(found.entry.size, file.entry.size);
  // The piece that crosses 8 GiB lies in two blocks, which follow each other.
  ASSERT_EQ(found.blocks.size(), 4u);
  EXPECT_EQ(found.blocks[1].second.substr(4093, 5), "piece");
  EXPECT_EQ(found.blocks[3], (std::pair<int64_t, std::string>(int64_t{40} << 30, "e")));
}

TEST_F(Ext4RoundTrip, ContentOverFourGigabytesIsKept) {
  // The end of each piece of 64 MiB is what differs: enough to see a wrong offset, little enough to be quick.
  TestFile file = {{.path = "large", .mode = 0644, .size = int64_t{5} << 30}, {}};
  for (int64_t at = int64_t{64} << 20; at <= file.entry.size; at += int64_t{64} << 20) {
    file.blocks.emplace_back(at - 10, std::to_string(1'000'000'000 + at / 1000 % 1'000'000'000).substr(0, 10));
  }
  RoundTrip(folder_, {file});
}

TEST_F(Ext4RoundTrip, AFolderOfAHundredThousandNamesIsIndexed) {
  std::vector<TestFile> files = {Folder("many")};
  for (int i = 0; i < 100'000; ++i) {
    const std::string first = "many/file-number-" + std::to_string(i / 2'000 * 2'000);
    const std::string path = "many/file-number-" + std::to_string(i);
    files.push_back(path == first ? File(path, "") : HardLink(path, first));
  }
  // Names whose bytes are over 127 hash differently where a byte is signed.
  for (int i = 0; i < 500; ++i) files.push_back(File("many/\xc3\xa9\xff-" + std::to_string(i), ""));
  const std::vector<TestFile> read = RoundTrip(folder_, std::move(files));
  EXPECT_EQ(read.size(), 100'502u);
}

TEST_F(Ext4RoundTrip, AFolderMayHaveMoreFoldersThanLinksCanCount) {
  std::vector<TestFile> files = {Folder("many")};
  for (int i = 0; i < 65'100; ++i) files.push_back(Folder("many/" + std::to_string(i)));
  const std::string image = folder_ / "image";
  ASSERT_EQ(WriteDirectly(image, files, {.size = int64_t{2} << 30}), absl::OkStatus());
  EXPECT_EQ(CheckExt4(image), absl::OkStatus());
  const absl::StatusOr<std::vector<TestFile>> read = ReadImage(image);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->size(), files.size() + 1);
}

TEST_F(Ext4RoundTrip, FoldersMayBeAsDeepAsTheyLike) {
  std::vector<TestFile> files;
  std::string path = "d";
  for (int i = 0; i < 3'000; ++i) {
    files.push_back(Folder(path));
    path += "/d";
  }
  files.push_back(File(path, "deep"));
  RoundTrip(folder_, std::move(files));
}

TEST_F(Ext4RoundTrip, AChildMayComeBeforeItsFolder) {
  const std::vector<TestFile> read = RoundTrip(folder_, {File("a/b/c", "c"), Folder("a/b", 0700), File("x/y/z", "z")});
  EXPECT_EQ(Find(read, "a/b").entry.mode, 0700);
  // Never came itself.
  EXPECT_EQ(Find(read, "x/y").entry.mode, 0755);
  EXPECT_EQ(Find(read, "x/y").entry.mtime, Timestamp());
}

TEST_F(Ext4RoundTrip, AHardLinkMayComeBeforeItsTarget) {
  const std::vector<TestFile> read =
      RoundTrip(folder_, {HardLink("third", "second"), HardLink("second", "dir/first"), File("dir/first", "content")});
  int names = 0;
  int full = 0;
  for (const TestFile& file : read) {
    if (file.entry.type != FileType::kRegular) continue;
    ++names;
    if (!file.entry.is_hard_link()) ++full;
  }
  EXPECT_EQ(names, 3);
  EXPECT_EQ(full, 1);
}

TEST_F(Ext4RoundTrip, AnEntryReplacesTheOneOfThatNameBefore) {
  std::vector<TestFile> files = {
      File("file", std::string(5'000'000, 'o')),
      WithEntry(File("file", "new", 0600), [](Entry& entry) { entry.xattrs["user.x"] = std::string(2000, 'x'); }),
      File("was-file", "x"),
      Folder("was-file"),
      File("was-file/below", "y"),
      Folder("was-folder"),
      File("was-folder/a", "a"),
      Folder("was-folder/deep"),
      Symlink("was-folder/deep/l", std::string(100, 'l')),
      Symlink("was-folder", "etc"),
      WithEntry(File("with-xattrs", "1"), [](Entry& entry) { entry.xattrs["user.x"] = std::string(2000, 'x'); }),
      Symlink("with-xattrs", "target"),
  };
  TestFile comb = {{.path = "comb", .mode = 0644, .size = 3000 * 8192}, {}};
  for (int64_t i = 0; i < 3000; ++i) comb.blocks.emplace_back(i * 8192, "x");
  files.push_back(comb);
  files.push_back(File("comb", "short"));
  const std::vector<TestFile> read = RoundTrip(folder_, std::move(files));
  EXPECT_EQ(Find(read, "file").blocks[0].second, "new");
  EXPECT_EQ(Find(read, "file").entry.mode, 0600);
  EXPECT_EQ(Find(read, "was-file").entry.type, FileType::kDirectory);
  EXPECT_EQ(Find(read, "was-folder").entry.type, FileType::kSymlink);
  EXPECT_EQ(Find(read, "comb").entry.size, 5);
  for (const TestFile& file : read) EXPECT_FALSE(file.entry.path.starts_with("was-folder/"));
}

TEST_F(Ext4RoundTrip, AFolderThatComesAgainIsMerged) {
  const std::vector<TestFile> read = RoundTrip(
      folder_,
      {WithEntry(Folder("d", 0755), [](Entry& entry) { entry.xattrs["user.big"] = std::string(3000, 'b'); }),
       File("d/one", "1"), WithEntry(Folder("d", 0700), [](Entry& entry) { entry.uid = 7; }), File("d/two", "2")});
  EXPECT_EQ(Find(read, "d").entry.mode, 0700);
  EXPECT_EQ(Find(read, "d").entry.uid, 7u);
  EXPECT_THAT(Find(read, "d").entry.xattrs, IsEmpty());
  EXPECT_EQ(Find(read, "d/one").blocks[0].second, "1");
}

TEST_F(Ext4RoundTrip, OtherNamesKeepTheContentOfAReplacedFile) {
  const std::string image = folder_ / "image";
  ASSERT_EQ(WriteImage(image, {File("a", "old"), HardLink("b", "a"), File("a", "new")}).status(), absl::OkStatus());
  EXPECT_EQ(CheckExt4(image), absl::OkStatus());
  const absl::StatusOr<std::vector<TestFile>> read = ReadImage(image);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(Find(*read, "a").blocks[0].second, "new");
  EXPECT_EQ(Find(*read, "b").blocks[0].second, "old");
}

TEST_F(Ext4RoundTrip, RoomOfReplacedFilesIsUsedAgain) {
  // Each time all but the whole image.
  std::vector<TestFile> files;
  for (int i = 0; i < 6; ++i) files.push_back(File("large", std::string(30 << 20, static_cast<char>('0' + i))));
  RoundTrip(folder_, std::move(files), {.size = int64_t{80} << 20});
}

TEST_F(Ext4RoundTrip, ParentsThatAreSymlinksLeadWhereTheyLeadInTheTree) {
  const std::string image = folder_ / "image";
  const std::vector<TestFile> files = {Symlink("bin", "usr/bin"),
                                       File("bin/sh", "sh"),
                                       Folder("usr/lib"),
                                       Symlink("usr/lib/up", "../../../../usr"),
                                       File("usr/lib/up/share/x", "x"),
                                       Symlink("absolute", "/usr/share"),
                                       File("absolute/y", "y"),
                                       HardLink("absolute/z", "bin/sh")};
  ASSERT_EQ(WriteDirectly(image, files), absl::OkStatus());
  EXPECT_EQ(CheckExt4(image), absl::OkStatus());
  const absl::StatusOr<std::vector<TestFile>> read = ReadImage(image);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(Find(*read, "bin").entry.type, FileType::kSymlink);
  EXPECT_EQ(Find(*read, "usr/bin/sh").blocks[0].second, "sh");
  EXPECT_EQ(Find(*read, "usr/share/x").blocks[0].second, "x");
  EXPECT_EQ(Find(*read, "usr/share/y").blocks[0].second, "y");
}

TEST_F(Ext4RoundTrip, AUsersLostAndFoundIsKeptAndAnEmptyOneIsNot) {
  const std::vector<TestFile> empty = RoundTrip(folder_, {File("a", "a")});
  EXPECT_EQ(empty.size(), 2u);
  const std::vector<TestFile> used = RoundTrip(folder_, {Folder("lost+found", 0755), File("lost+found/x", "x")});
  EXPECT_EQ(Find(used, "lost+found").entry.mode, 0755);
  EXPECT_EQ(Find(used, "lost+found/x").blocks[0].second, "x");
}

TEST_F(Ext4RoundTrip, WhatExt4CannotHoldIsALossWithAReason) {
  TestFile file = File("f", "f");
  file.entry.xattrs["user.large"] = std::string(60'000, 'l');
  file.entry.xattrs["user.ok"] = "ok";
  file.entry.xattrs["btrfs.compression"] = "zstd";
  file.entry.xattrs["system.posix_acl_access"] = "nonsense";
  TestFile ancient = File("ancient", "");
  ancient.entry.mtime = {-(int64_t{1} << 40), 0};
  const std::string image = folder_ / "image";
  const absl::StatusOr<TransferResult> result = WriteImage(image, {file, ancient, File("lost+found", "x")});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_THAT(result->losses, Contains(HasSubstr("user.large")));
  EXPECT_THAT(result->losses, Contains(HasSubstr("btrfs.compression")));
  EXPECT_THAT(result->losses, Contains(HasSubstr("posix_acl_access")));
  EXPECT_THAT(result->losses, Contains(HasSubstr("ancient")));
  EXPECT_THAT(result->losses, Contains(HasSubstr("lost+found")));
  EXPECT_EQ(CheckExt4(image), absl::OkStatus());
  const absl::StatusOr<std::vector<TestFile>> read = ReadImage(image);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_THAT(Find(*read, "f").entry.xattrs, ElementsAre(testing::Pair("user.ok", "ok")));
}

}  // namespace
}  // namespace wslm
