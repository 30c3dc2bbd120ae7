// What is exported is a whole image of its format, or nothing.
#include "distros/disk/disk_sink.h"

#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "distros/disk/disk_source.h"
#include "distros/disk/test_disk.h"

namespace wslm {
namespace {

using ::testing::HasSubstr;

class DiskSinkTest : public ::testing::Test {
 protected:
  absl::StatusOr<TransferResult> Export(const std::string& name, DiskFormat format, const DiskSinkOptions& options,
                                        std::vector<TestFile> files = SmallDistro()) {
    const absl::StatusOr<std::unique_ptr<Sink>> sink = CreateDiskSink(folder_ / name, format, options);
    if (!sink.ok()) return sink.status();
    TestSource source(std::move(files));
    return Transfer(source, **sink, {});
  }

  const TestFolder folder_;
};

TEST_F(DiskSinkTest, EveryFormatComesBackAsItWas) {
  int files = 0;
  for (const DiskFormat format :
       {DiskFormat::kRaw, DiskFormat::kQcow2, DiskFormat::kVhd, DiskFormat::kVhdFixed, DiskFormat::kVhdx}) {
    const std::string name(DiskFormatName(format));
    SCOPED_TRACE(name);
    // A fixed one is written in full by some file systems; small, so that it doesn't matter.
    const int64_t size = format == DiskFormat::kVhdFixed ? 200 * kMiB : 0;
    const auto result = Export(name, format, {.size = size, .label = "distro"});
    ASSERT_TRUE(result.ok()) << result.status();
    EXPECT_EQ(result->digest.ToString(), DigestOfTree(SmallDistro()));
    const absl::StatusOr<DiskFacts> facts = InspectDisk(folder_ / name);
    ASSERT_TRUE(facts.ok()) << facts.status();
    EXPECT_EQ(facts->format, format);
    EXPECT_EQ(facts->virtual_size, size == 0 ? int64_t{64} << 30 : size);
    EXPECT_LT(BytesOnDisk(folder_ / name), 205 * kMiB);
    struct stat st;
    ASSERT_EQ(::stat((folder_ / name).c_str(), &st), 0);
    EXPECT_EQ(st.st_mode & 0777, 0600u);
    EXPECT_EQ(EntriesIn(folder_.path()), ++files);
    EXPECT_EQ(DigestOrError(OpenDiskSource(folder_ / name, folder_.path(), nullptr)), result->digest.ToString());
    RunOrFail("qemu-img", {"info", "-f", format == DiskFormat::kVhd || format == DiskFormat::kVhdFixed ? "vpc" : name,
                           folder_ / name});
  }
}

TEST_F(DiskSinkTest, ThinFormatsStaySmall) {
  for (const DiskFormat format : {DiskFormat::kQcow2, DiskFormat::kVhd, DiskFormat::kVhdx}) {
    const std::string name(DiskFormatName(format));
    ASSERT_TRUE(Export(name, format, {}).ok());
    EXPECT_LT(BytesOnDisk(folder_ / name), 64 * kMiB) << name;
  }
}

TEST_F(DiskSinkTest, SizesFollowTheContent) {
  EXPECT_EQ(DefaultDiskSize(0), int64_t{64} << 30);
  EXPECT_EQ(DefaultDiskSize((int64_t{100} << 30) + 1), int64_t{201} << 30);
  EXPECT_LE(DefaultDiskSize(INT64_MAX), int64_t{64} << 40);
}

TEST_F(DiskSinkTest, WithoutACommitNothingIsLeft) {
  for (const DiskFormat format : {DiskFormat::kRaw, DiskFormat::kVhdx}) {
    const auto sink = CreateDiskSink(folder_ / "image", format, {});
    ASSERT_TRUE(sink.ok()) << sink.status();
    EXPECT_EQ(EntriesIn(folder_.path()), 1);
  }
  EXPECT_EQ(EntriesIn(folder_.path()), 0);
}

TEST_F(DiskSinkTest, ACancelKillsTheConversionAndNothingIsLeft) {
  CancelFlag cancel = false;
  std::vector<TestFile> files = {Folder("")};
  // Takes qemu-img long enough.
  for (int i = 0; i < 6; ++i) files.push_back(File(std::to_string(i), std::string(100 * kMiB, 'x')));
  {
    const auto sink = CreateDiskSink(folder_ / "image", DiskFormat::kVhdx, {.cancel = &cancel});
    ASSERT_TRUE(sink.ok()) << sink.status();
    for (const TestFile& file : files) {
      ASSERT_TRUE((*sink)->Begin(file.entry).ok());
      for (const auto& [offset, bytes] : file.blocks) ASSERT_TRUE((*sink)->Write({offset, bytes}).ok());
      ASSERT_TRUE((*sink)->End().ok());
    }
    cancel = true;
    EXPECT_EQ(ReasonOf((*sink)->Commit()), reason::kCancelled);
  }
  EXPECT_EQ(EntriesIn(folder_.path()), 0);
}

TEST_F(DiskSinkTest, WhatIsThereIsNotTouched) {
  ASSERT_TRUE(WriteFileAtomically(folder_ / "image", "precious").ok());
  for (const DiskFormat format : {DiskFormat::kRaw, DiskFormat::kVhdx}) {
    EXPECT_EQ(ReasonOf(Export("image", format, {}).status()), reason::kFileExists);
  }
  EXPECT_EQ(*ReadSmallFile(folder_ / "image"), "precious");
  EXPECT_EQ(EntriesIn(folder_.path()), 1);
}

TEST_F(DiskSinkTest, ImpossibleSizesAreRefusedAndNothingIsLeft) {
  EXPECT_EQ(ReasonOf(Export("a", DiskFormat::kVhd, {.size = int64_t{3} << 40}).status()), reason::kInvalidArgument);
  EXPECT_EQ(ReasonOf(Export("b", DiskFormat::kQcow2, {.size = 4096}).status()), reason::kInvalidArgument);
  EXPECT_EQ(EntriesIn(folder_.path()), 0);
}

TEST_F(DiskSinkTest, AFullHostDiskIsDiskFullAndNothingIsLeft) {
  if (::geteuid() != 0) GTEST_SKIP() << "mounting a small file system takes root";
  const std::string small = folder_ / "small";
  ASSERT_EQ(::mkdir(small.c_str(), 0700), 0);
  ASSERT_EQ(::mount("none", small.c_str(), "tmpfs", 0, "size=40m"), 0);
  const std::vector<TestFile> files = {Folder(""), File("x", std::string(25 * kMiB, 'x'))};
  // The raw image has room, the converted one beside it has not.
  const auto exported = Export("small/image", DiskFormat::kVhdx, {.size = 200 * kMiB}, files);
  EXPECT_EQ(ReasonOf(exported.status()), reason::kDiskFull) << exported.status();
  EXPECT_EQ(EntriesIn(small), 0);

  ASSERT_TRUE(Export("image", DiskFormat::kVhdx, {.size = 200 * kMiB}, files).ok());
  ASSERT_TRUE(WriteFileAtomically(small + "/ballast", std::string(20 * kMiB, 'b')).ok());
  const absl::Status imported = OpenDiskSource(folder_ / "image", small, nullptr).status();
  EXPECT_EQ(ReasonOf(imported), reason::kDiskFull) << imported;
  EXPECT_EQ(EntriesIn(small), 1);
  EXPECT_EQ(::umount(small.c_str()), 0);
}

TEST_F(DiskSinkTest, ATreeThatDoesNotFitIsDiskFull) {
  const auto result = Export("image", DiskFormat::kVhdx, {.size = 20 * kMiB}, {File("x", std::string(30 * kMiB, 'x'))});
  EXPECT_EQ(ReasonOf(result.status()), reason::kDiskFull);
  EXPECT_EQ(EntriesIn(folder_.path()), 0);
}

}  // namespace
}  // namespace wslm
