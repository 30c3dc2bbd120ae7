// What goes wrong is said clearly, and nothing is left behind.
#include <fcntl.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <random>

#include "distros/ext4/test_image.h"
#include "distros/host/host_tool.h"

namespace wslm {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;

class Ext4Errors : public ::testing::Test {
 protected:
  TemporaryFolder folder_;
};

std::vector<TestFile> Megabytes(int count) {
  return {File("large", std::string(size_t{1} << 20, 'x') + std::string(size_t(count - 1) << 20, 'y'))};
}

TEST_F(Ext4Errors, AFullImageSaysItsSize) {
  const absl::Status status = WriteImage(folder_ / "image", Megabytes(60), {.size = 32 << 20}).status();
  EXPECT_EQ(ReasonOf(status), reason::kDiskFull);
  EXPECT_THAT(std::string(status.message()), HasSubstr("32 MiB"));
}

TEST_F(Ext4Errors, AnImageWithoutFreeInodesSaysSo) {
  std::vector<TestFile> files;
  for (int i = 0; i < 3'000; ++i) files.push_back(File(std::to_string(i), ""));
  const absl::Status status = WriteImage(folder_ / "image", std::move(files), {.size = 16 << 20}).status();
  EXPECT_EQ(ReasonOf(status), reason::kDiskFull);
}

TEST_F(Ext4Errors, AFullHostDiskIsDiskFull) {
  if (::geteuid() != 0) GTEST_SKIP() << "mounting a small file system takes root";
  const std::string mount_point = folder_ / "small";
  ASSERT_EQ(::mkdir(mount_point.c_str(), 0700), 0);
  ASSERT_EQ(::mount("none", mount_point.c_str(), "tmpfs", 0, "size=20m"), 0);
  const std::string image = mount_point + "/image";
  const absl::Status status = WriteImage(image, Megabytes(60)).status();
  EXPECT_EQ(ReasonOf(status), reason::kDiskFull) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("No space left"));
  ::unlink(image.c_str());

  // Too little even for an empty file system.
  std::ofstream(mount_point + "/ballast") << std::string(20 << 20, 'b');
  const absl::Status format = CreateExt4Sink(image, SmallImage()).status();
  EXPECT_EQ(ReasonOf(format), reason::kDiskFull) << format;
  EXPECT_NE(::access(image.c_str(), F_OK), 0);
  EXPECT_EQ(::umount(mount_point.c_str()), 0);
}

TEST_F(Ext4Errors, ALimitOnFileSizesIsAnErrorAndNoSignal) {
  const std::string image = folder_ / "image";
  auto sink = CreateExt4Sink(image, SmallImage());
  ASSERT_TRUE(sink.ok()) << sink.status();
  ::signal(SIGXFSZ, SIG_IGN);
  rlimit before;
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const rlimit small = {16 << 20, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  TestSource source(Megabytes(60));
  const absl::Status status = Transfer(source, **sink, {}).status();
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  EXPECT_EQ(ReasonOf(status), reason::kIoError) << status;
}

TEST_F(Ext4Errors, AnImageThatExistsIsLeftAlone) {
  const std::string image = folder_ / "image";
  std::ofstream(image) << "precious";
  EXPECT_EQ(ReasonOf(CreateExt4Sink(image, SmallImage()).status()), reason::kFileExists);
  EXPECT_EQ(std::filesystem::file_size(image), 8u);
}

TEST_F(Ext4Errors, ImpossibleSizesAndLabelsAreRefused) {
  EXPECT_EQ(ReasonOf(CreateExt4Sink(folder_ / "a", {.size = 1 << 20}).status()), reason::kInvalidArgument);
  EXPECT_EQ(ReasonOf(CreateExt4Sink(folder_ / "b", {.size = INT64_MAX}).status()), reason::kInvalidArgument);
  EXPECT_EQ(ReasonOf(CreateExt4Sink(folder_ / "c", {.label = std::string(17, 'l')}).status()),
            reason::kInvalidArgument);
  EXPECT_FALSE(std::filesystem::exists(folder_ / "a"));
}

TEST_F(Ext4Errors, AHardLinkWhoseTargetNeverComesIsCorrupt) {
  const auto reason_of = [this](const std::string& name, std::vector<TestFile> files) {
    return ReasonOf(WriteImage(folder_ / name, std::move(files)).status());
  };
  EXPECT_EQ(reason_of("a", {HardLink("a", "nowhere")}), reason::kCorruptSource);
  EXPECT_EQ(reason_of("b", {HardLink("a", "b"), HardLink("b", "a")}), reason::kCorruptSource);
  EXPECT_EQ(reason_of("c", {HardLink("a", "a")}), reason::kCorruptSource);
  EXPECT_EQ(reason_of("d", {Folder("d"), HardLink("a", "d")}), reason::kCorruptSource);
}

TEST_F(Ext4Errors, AFileHasAtMost65000Names) {
  std::vector<TestFile> files = {File("first", "1")};
  for (int i = 1; i < 65'000; ++i) files.push_back(HardLink("link" + std::to_string(i), "first"));
  EXPECT_EQ(WriteDirectly(folder_ / "enough", files), absl::OkStatus());
  EXPECT_EQ(CheckExt4(folder_ / "enough"), absl::OkStatus());
  files.push_back(HardLink("one-more", "first"));
  EXPECT_EQ(ReasonOf(WriteDirectly(folder_ / "too-many", files)), reason::kCorruptSource);
}

TEST_F(Ext4Errors, AFileBelowAFileIsCorrupt) {
  EXPECT_EQ(ReasonOf(WriteImage(folder_ / "a", {File("f", ""), File("f/below", "")}).status()), reason::kCorruptSource);
  EXPECT_EQ(ReasonOf(WriteImage(folder_ / "b", {Symlink("l", "l"), File("l/below", "")}).status()),
            reason::kCorruptSource);
}

TEST_F(Ext4Errors, ContentThatDoesNotFitItsSizeIsCorrupt) {
  TestFile file = File("f", "four");
  file.entry.size = 3;
  EXPECT_EQ(ReasonOf(WriteImage(folder_ / "a", {file}).status()), reason::kCorruptSource);
}

TEST_F(Ext4Errors, WhatIsNoExt4IsUnsupported) {
  const std::string image = folder_ / "image";
  std::ofstream(image) << std::string(1 << 20, 'x');
  const absl::Status status = OpenExt4Source(image).status();
  EXPECT_EQ(ReasonOf(status), reason::kUnsupportedFormat) << status;
  EXPECT_EQ(ReasonOf(OpenExt4Source(folder_ / "nowhere").status()), reason::kIoError);
}

TEST_F(Ext4Errors, ATruncatedImageIsCorrupt) {
  const std::string image = folder_ / "image";
  ASSERT_TRUE(WriteImage(image, SampleTree()).ok());
  ASSERT_EQ(::truncate(image.c_str(), 100 << 20), 0);
  EXPECT_EQ(ReasonOf(OpenExt4Source(image).status()), reason::kCorruptSource);
}

TEST_F(Ext4Errors, ASuperblockThatClaimsMoreThanThereIsIsCorruptBeforeAnythingIsAskedFor) {
  const std::string image = folder_ / "image";
  ASSERT_TRUE(WriteImage(image, SampleTree()).ok());
  const int fd = ::open(image.c_str(), O_RDWR | O_CLOEXEC);
  ASSERT_EQ(::pwrite(fd, "\xFF\xFF\xFF\xFF", 4, 1024 + 4), 4);
  ::close(fd);
  const absl::Status status = OpenExt4Source(image).status();
  EXPECT_EQ(ReasonOf(status), reason::kCorruptSource);
  EXPECT_THAT(std::string(status.message()), HasSubstr("cut short"));
}

TEST_F(Ext4Errors, AListOfBlocksThatLeadsToItselfIsCorruptAndHasAnEnd) {
  const std::string image = folder_ / "image";
  ASSERT_TRUE(RunTool("mke2fs", {"-q", "-t", "ext2", "-b", "4096", image, "4M"}).ok());
  std::ofstream(folder_ / "file") << "content";
  ASSERT_TRUE(RunTool("debugfs", {"-w", "-R", "write " + (folder_ / "file") + " file", image}).ok());
  // Block 900 is free; three levels of it name a thousand million blocks.
  constexpr uint32_t kBlock = 900;
  ASSERT_TRUE(RunTool("debugfs", {"-w", "-R", "set_inode_field file block[TIND] 900", image}).ok());
  ASSERT_TRUE(RunTool("debugfs", {"-w", "-R", "set_inode_field file size 1000000000000", image}).ok());
  const std::vector<uint32_t> itself(1024, kBlock);
  const int fd = ::open(image.c_str(), O_RDWR | O_CLOEXEC);
  ASSERT_EQ(::pwrite(fd, itself.data(), 4096, kBlock * 4096), 4096);
  ::close(fd);
  const absl::Status status = ImageDigest(image).status();
  EXPECT_EQ(ReasonOf(status), reason::kCorruptSource) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("more blocks than its disk"));
}

TEST_F(Ext4Errors, ADamagedImageFailsItsCheck) {
  const std::string image = folder_ / "image";
  ASSERT_TRUE(WriteImage(image, SampleTree()).ok());
  // The root's link count.
  ASSERT_TRUE(RunTool("debugfs", {"-w", "-R", "set_inode_field <2> links_count 77", image}).ok());
  const absl::Status status = CheckExt4(image);
  EXPECT_EQ(ReasonOf(status), reason::kVerificationFailed);
  EXPECT_THAT(std::string(status.message()), HasSubstr("Inode 2"));
  EXPECT_EQ(ReasonOf(CheckExt4(folder_ / "nowhere")), reason::kIoError);
}

TEST_F(Ext4Errors, BytesChangedAnywhereNeverCrashTheReader) {
  const std::string image = folder_ / "image";
  ASSERT_TRUE(WriteImage(image, SampleTree(), {.size = 32 << 20}).ok());
  std::string good(32 << 20, '\0');
  std::ifstream(image, std::ios::binary).read(good.data(), static_cast<std::streamsize>(good.size()));
  std::vector<size_t> used;
  for (size_t at = 0; at < good.size(); ++at) {
    if (good[at] != '\0' && good[at] != 'L') used.push_back(at);
  }
  std::mt19937 random(1);
  int refused = 0;
  for (int round = 0; round < 150; ++round) {
    std::vector<std::pair<size_t, char>> changes;
    for (int i = 0; i < 20; ++i) changes.emplace_back(used[random() % used.size()], static_cast<char>(random()));
    const int fd = ::open(image.c_str(), O_RDWR | O_CLOEXEC);
    for (const auto& [at, byte] : changes) ASSERT_EQ(::pwrite(fd, &byte, 1, static_cast<off_t>(at)), 1);
    const absl::StatusOr<std::string> digest = ImageDigest(image);
    if (!digest.ok()) {
      ++refused;
      EXPECT_THAT(ReasonOf(digest.status()),
                  AnyOf(reason::kCorruptSource, reason::kUnsupportedFormat, reason::kIoError))
          << digest.status();
    }
    // What a replay of a journal that never was may have written is put right too.
    for (const auto& [at, byte] : changes) ASSERT_EQ(::pwrite(fd, &good[at], 1, static_cast<off_t>(at)), 1);
    ::close(fd);
  }
  EXPECT_GT(refused, 50);
}

}  // namespace
}  // namespace wslm
