// Images grow, shrink, give room back and are repaired, and keep what is in them.
#include "distros/ext4/resize.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "distros/ext4/test_image.h"
#include "distros/host/host_tool.h"

namespace wslm {
namespace {

using ::testing::HasSubstr;

constexpr int64_t kMiB = int64_t{1} << 20;

class Ext4Resize : public ::testing::Test {
 protected:
  void SetUp() override {
    const absl::StatusOr<TransferResult> result = WriteImage(image_, SampleTree());
    ASSERT_TRUE(result.ok()) << result.status();
    digest_ = result->digest.ToString();
  }
  void TearDown() override {
    // Nothing beside it.
    EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_ / ""), {}), 1);
  }
  void ExpectWhole(int64_t size) {
    EXPECT_EQ(static_cast<int64_t>(std::filesystem::file_size(image_)), size);
    EXPECT_EQ(CheckExt4(image_), absl::OkStatus());
    EXPECT_EQ(ImageDigest(image_).value_or("none"), digest_);
  }
  int64_t BytesOnHost() {
    struct stat status;
    EXPECT_EQ(::stat(image_.c_str(), &status), 0);
    return status.st_blocks * 512;
  }
  void Debugfs(const std::string& command) {
    const auto result = RunTool("debugfs", {"-w", "-R", command, image_});
    ASSERT_TRUE(result.ok() && result->exit_code == 0) << result->output;
  }

  TemporaryFolder folder_;
  const std::string image_ = folder_ / "image";
  std::string digest_;
};

TEST_F(Ext4Resize, GrowsSparsely) {
  const int64_t before = BytesOnHost();
  ASSERT_EQ(ResizeExt4(image_, (int64_t{64} << 30) + 100, {}), absl::OkStatus());
  ExpectWhole(int64_t{64} << 30);
  EXPECT_LT(BytesOnHost(), before + 16 * kMiB);
  // A guest's kernel finds nothing to zero.
  const auto groups =
      RunTool("sh", {"-c", "dumpe2fs \"$0\" 2>/dev/null | grep '^Group [0-9]' | grep -vc ITABLE_ZEROED", image_});
  EXPECT_EQ(groups->output, "0\n");
  struct stat status;
  ASSERT_EQ(::stat(image_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
}

TEST_F(Ext4Resize, ShrinksAndGrowsAgain) {
  ASSERT_EQ(ResizeExt4(image_, 100 * kMiB, {}), absl::OkStatus());
  ExpectWhole(100 * kMiB);
  ASSERT_EQ(ResizeExt4(image_, 300 * kMiB, {}), absl::OkStatus());
  ExpectWhole(300 * kMiB);
}

TEST_F(Ext4Resize, ShrinksToItsMinimumAndNotBelow) {
  const absl::Status status = ResizeExt4(image_, 10 * kMiB, {});
  EXPECT_EQ(ReasonOf(status), reason::kInvalidArgument) << status;
  const int64_t minimum = std::stoll(MetadataOf(status)["minimum_bytes"]);
  EXPECT_EQ(MinimumExt4Size(image_).value_or(0), minimum);
  EXPECT_THAT(std::string(status.message()), HasSubstr("at least " + std::to_string(minimum / kMiB)));
  ExpectWhole(256 * kMiB);
  EXPECT_EQ(ResizeExt4(image_, minimum, {}), absl::OkStatus());
  ExpectWhole(minimum);
}

TEST_F(Ext4Resize, WhatCannotBeDoneLeavesTheImageAsItWas) {
  EXPECT_EQ(ReasonOf(ResizeExt4(image_, -1, {})), reason::kInvalidArgument);
  EXPECT_EQ(ReasonOf(ResizeExt4(image_, INT64_MAX, {})), reason::kInvalidArgument);
  const CancelFlag cancel = true;
  EXPECT_EQ(ReasonOf(ResizeExt4(image_, 300 * kMiB, {.cancel = &cancel})), reason::kCancelled);
  ExpectWhole(256 * kMiB);
  // The root's number of links: nothing that is mended without being asked.
  Debugfs("set_inode_field <2> links_count 77");
  Debugfs("set_super_value free_blocks_count 5");
  Debugfs("clri <12>");
  const auto before = RunTool("sha256sum", {image_});
  EXPECT_EQ(ReasonOf(ResizeExt4(image_, 300 * kMiB, {})), reason::kCorruptSource);
  EXPECT_EQ(RunTool("sha256sum", {image_})->output, before->output);
}

TEST_F(Ext4Resize, TrimGivesTheRoomOfFreeBlocksBack) {
  // What a guest wrote and removed.
  const int64_t clean = BytesOnHost();
  {
    std::ofstream big(folder_ / "big");
    for (int i = 0; i < 60; ++i) big << std::string(kMiB, 'b');
  }
  Debugfs("write " + (folder_ / "big") + " big");
  ASSERT_GT(BytesOnHost(), clean + 50 * kMiB);
  Debugfs("kill_file big");
  Debugfs("rm big");
  std::filesystem::remove(folder_ / "big");
  // debugfs does not keep all counts.
  ASSERT_TRUE(RepairExt4(image_, nullptr).ok());
  const absl::StatusOr<int64_t> given = TrimExt4(image_, nullptr);
  ASSERT_TRUE(given.ok()) << given.status();
  EXPECT_GT(*given, 50 * kMiB);
  EXPECT_LE(BytesOnHost(), clean + kMiB);
  ExpectWhole(256 * kMiB);
  EXPECT_EQ(TrimExt4(image_, nullptr).value_or(-1), 0);
}

TEST_F(Ext4Resize, TrimTouchesNothingOfADamagedImage) {
  Debugfs("set_inode_field <2> links_count 77");
  EXPECT_EQ(ReasonOf(TrimExt4(image_, nullptr).status()), reason::kVerificationFailed);
}

TEST_F(Ext4Resize, RepairMendsAndTells) {
  const absl::StatusOr<RepairReport> clean = RepairExt4(image_, nullptr);
  ASSERT_TRUE(clean.ok()) << clean.status();
  EXPECT_FALSE(clean->repaired);
  Debugfs("set_inode_field <2> links_count 77");
  const absl::StatusOr<RepairReport> mended = RepairExt4(image_, nullptr);
  ASSERT_TRUE(mended.ok()) << mended.status();
  EXPECT_TRUE(mended->repaired);
  EXPECT_THAT(mended->report, HasSubstr("Inode 2 ref count"));
  ExpectWhole(256 * kMiB);
}

TEST_F(Ext4Resize, RepairFindsAnotherSuperblock) {
  const int fd = ::open(image_.c_str(), O_RDWR | O_CLOEXEC);
  ASSERT_EQ(::pwrite(fd, std::string(4096, 'x').data(), 4096, 0), 4096);
  ::close(fd);
  const absl::StatusOr<RepairReport> mended = RepairExt4(image_, nullptr);
  ASSERT_TRUE(mended.ok()) << mended.status();
  EXPECT_TRUE(mended->repaired);
  ExpectWhole(256 * kMiB);
}

TEST_F(Ext4Resize, WhatACrashLeftIsRemovedAndNothingElse) {
  std::ofstream(folder_ / ".image.resize-aB3dEf") << "half";
  EXPECT_EQ(RemoveResizeLeftovers(image_), absl::OkStatus());
  ExpectWhole(256 * kMiB);
}

TEST_F(Ext4Resize, TellsWhereItIs) {
  std::vector<ResizeStep> steps;
  int64_t told = 0;
  const ResizeOptions options{.step = [&](ResizeStep step) { steps.push_back(step); },
                              .progress =
                                  [&](int64_t done, int64_t total) {
                                    EXPECT_LE(done, total);
                                    told = total;
                                  }};
  ASSERT_EQ(ResizeExt4(image_, 300 * kMiB, options), absl::OkStatus());
  EXPECT_THAT(steps, testing::ElementsAre(ResizeStep::kCopy, ResizeStep::kResize, ResizeStep::kCheck));
  // Nothing is told of a reflink.
  EXPECT_TRUE(told == 0 || told == 256 * kMiB) << told;
}

TEST_F(Ext4Resize, WhatThereIsToReadStaysTheSame) {
  const auto total = [this] { return OpenExt4Source(image_).value()->total(); };
  const int64_t before = total();
  for (const int64_t size : {int64_t{64} << 10, int64_t{512}}) {
    ASSERT_EQ(ResizeExt4(image_, size * kMiB, {}), absl::OkStatus());
    EXPECT_NEAR(static_cast<double>(total()), static_cast<double>(before), static_cast<double>(kMiB)) << size;
  }
}

TEST_F(Ext4Resize, WhatIsNoExt4IsNotRepaired) {
  std::ofstream(image_) << std::string(kMiB, 'n');
  EXPECT_EQ(ReasonOf(RepairExt4(image_, nullptr).status()), reason::kUnsupportedFormat);
  EXPECT_EQ(ReasonOf(ResizeExt4(image_, 300 * kMiB, {})), reason::kUnsupportedFormat);
  EXPECT_EQ(ReasonOf(TrimExt4(image_, nullptr).status()), reason::kUnsupportedFormat);
}

}  // namespace
}  // namespace wslm
