// Every kind of disk image gives the files that were put into it, and stays as it was.
#include "distros/disk/disk_source.h"

#include <thread>

#include "distros/disk/adoption.h"
#include "distros/disk/content_reader.h"
#include "distros/disk/in_use.h"
#include "distros/disk/test_disk.h"
#include "distros/host/image_lock.h"

namespace wslm {
namespace {

using ::testing::HasSubstr;

class DiskSource : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(MakeFolders(scratch_).ok()); }
  void TearDown() override { EXPECT_EQ(EntriesIn(scratch_), 0); }

  absl::StatusOr<std::unique_ptr<Source>> Open(const std::string& name) {
    return OpenDiskSource(folder_ / name, scratch_, nullptr);
  }
  absl::Status Refused(const std::string& name) { return Open(name).status(); }

  // A copy of `from` in another format of qemu-img's.
  void Convert(const std::string& from, const std::string& to, const std::vector<std::string>& options) {
    std::vector<std::string> arguments = {"convert", "-f", "raw"};
    arguments.insert(arguments.end(), options.begin(), options.end());
    arguments.insert(arguments.end(), {folder_ / from, folder_ / to});
    RunOrFail("qemu-img", arguments);
  }

  // A disk with partitions as the lines for sfdisk say; `contents` go to the offsets (MiB).
  void MakeDisk(const std::string& name, const std::string& script,
                const std::vector<std::pair<std::string, int>>& contents) {
    Resize(folder_ / name, 500 * kMiB);
    ASSERT_TRUE(WriteFileAtomically(folder_ / "script", script).ok());
    RunOrFail("sh", {"-c", "sfdisk -q \"$0\" < \"$1\"", folder_ / name, folder_ / "script"});
    for (const auto& [content, offset] : contents) {
      RunOrFail("dd", {"if=" + (folder_ / content), "of=" + (folder_ / name), "bs=1M", "conv=notrunc,sparse",
                       "seek=" + std::to_string(offset), "status=none"});
    }
  }

  const TestFolder folder_;
  const std::string scratch_ = folder_ / "scratch";
};

TEST_F(DiskSource, ReadsEveryFormat) {
  const std::string digest = MakeExt4(folder_ / "raw");
  const struct {
    const char* name;
    DiskFormat format;
    std::vector<std::string> options;
  } images[] = {{"qcow2", DiskFormat::kQcow2, {"-O", "qcow2"}},
                {"qcow2-compressed", DiskFormat::kQcow2, {"-c", "-O", "qcow2", "-o", "compression_type=zstd"}},
                {"qcow2-old", DiskFormat::kQcow2, {"-O", "qcow2", "-o", "compat=0.10"}},
                {"vhd", DiskFormat::kVhd, {"-O", "vpc", "-o", "subformat=dynamic,force_size=on"}},
                {"vhd-cylinders", DiskFormat::kVhd, {"-O", "vpc"}},
                {"vhd-fixed", DiskFormat::kVhdFixed, {"-O", "vpc", "-o", "subformat=fixed,force_size=on"}},
                {"vhdx", DiskFormat::kVhdx, {"-O", "vhdx"}},
                {"vhdx-fixed", DiskFormat::kVhdx, {"-O", "vhdx", "-o", "subformat=fixed"}}};
  for (const auto& image : images) {
    SCOPED_TRACE(image.name);
    // The name says nothing, or lies.
    Convert("raw", std::string(image.name) + ".tar", image.options);
    const absl::StatusOr<DiskFacts> facts = InspectDisk(folder_ / (std::string(image.name) + ".tar"));
    ASSERT_TRUE(facts.ok()) << facts.status();
    EXPECT_EQ(facts->format, image.format);
    EXPECT_GE(facts->virtual_size, 128 * kMiB);
    EXPECT_FALSE(facts->unclean);
    EXPECT_EQ(DigestOrError(Open(std::string(image.name) + ".tar")), digest);
  }
  EXPECT_EQ(DigestOrError(Open("raw")), digest);
}

TEST_F(DiskSource, NothingOfItsCopyHasANameWhileItIsRead) {
  MakeExt4(folder_ / "raw");
  Convert("raw", "vhdx", {"-O", "vhdx"});
  const auto source = Open("vhdx");
  ASSERT_TRUE(source.ok()) << source.status();
  EXPECT_EQ(EntriesIn(scratch_), 0);
}

TEST_F(DiskSource, AJournalIsReplayedInACopyAndTheImageStaysAsItWas) {
  const std::string digest = MakeExt4(folder_ / "raw");
  // As if it had not been unmounted, with an empty journal: replaying clears the flag.
  RunOrFail("debugfs", {"-w", "-R", "feature needs_recovery", folder_ / "raw"});
  RunOrFail("cp", {"--sparse=always", folder_ / "raw", folder_ / "before"});
  ASSERT_EQ(::chmod((folder_ / "raw").c_str(), 0400), 0);
  EXPECT_EQ(DigestOrError(Open("raw")), digest);
  RunOrFail("cmp", {folder_ / "raw", folder_ / "before"});
}

TEST_F(DiskSource, TakesTheOnlyExt4PartitionOfADisk) {
  const std::string digest = MakeExt4(folder_ / "raw");
  Resize(folder_ / "fat", 20 * kMiB);
  Poke(folder_ / "fat", 82, "FAT32   ");
  Poke(folder_ / "fat", 510, "\x55\xAA");
  MakeDisk("gpt", "label: gpt\nstart=1MiB,size=20MiB,type=U,name=\"EFI\"\nstart=30MiB,size=128MiB,type=L,name=root\n",
           {{"fat", 1}, {"raw", 30}});
  EXPECT_EQ(DigestOrError(Open("gpt")), digest);
  MakeDisk("mbr", "label: dos\nstart=1MiB,size=20MiB,type=ef\nstart=30MiB,size=128MiB,type=83\n",
           {{"fat", 1}, {"raw", 30}});
  EXPECT_EQ(DigestOrError(Open("mbr")), digest);
  MakeDisk("logical",
           "label: dos\nstart=1MiB,size=9MiB,type=82\nstart=10MiB,size=400MiB,type=5\nstart=12MiB,size=20MiB,type=c\n"
           "start=40MiB,size=128MiB,type=83\n",
           {{"fat", 12}, {"raw", 40}});
  EXPECT_EQ(DigestOrError(Open("logical")), digest);
  Convert("gpt", "gpt.qcow2", {"-O", "qcow2"});
  EXPECT_EQ(DigestOrError(Open("gpt.qcow2")), digest);
  Convert("mbr", "mbr.vhd", {"-O", "vpc", "-o", "subformat=fixed,force_size=on"});
  EXPECT_EQ(DigestOrError(Open("mbr.vhd")), digest);
}

TEST_F(DiskSource, SeveralExt4PartitionsAreNamedAndRefused) {
  MakeExt4(folder_ / "raw");
  MakeDisk("gpt", "label: gpt\nstart=1MiB,size=130MiB,name=first\nstart=200MiB,size=150MiB,name=second\n",
           {{"raw", 1}, {"raw", 200}});
  const absl::Status status = Refused("gpt");
  EXPECT_EQ(ReasonOf(status), reason::kUnsupportedFormat);
  EXPECT_THAT(std::string(status.message()), HasSubstr("1 (\"first\", ext4, 130.0 MiB), 2 (\"second\", ext4, 150.0"));
}

TEST_F(DiskSource, WhatIsNoExt4IsNamed) {
  Resize(folder_ / "xfs", 400 * kMiB);
  RunOrFail("mkfs.xfs", {"-q", folder_ / "xfs"});
  EXPECT_THAT(std::string(Refused("xfs").message()), HasSubstr("holds XFS"));
  EXPECT_EQ(MetadataOf(Refused("xfs"))["detected"], "xfs");
  Convert("xfs", "xfs.vhdx", {"-O", "vhdx"});
  EXPECT_THAT(std::string(Refused("xfs.vhdx").message()), HasSubstr("holds XFS"));
  MakeDisk("disk", "label: gpt\nstart=1MiB,size=400MiB\n", {{"xfs", 1}});
  EXPECT_THAT(std::string(Refused("disk").message()), HasSubstr("no partition holds ext4: 1 (XFS, 400.0 MiB)"));
  MakeDisk("none", "label: gpt\n", {});
  EXPECT_THAT(std::string(Refused("none").message()), HasSubstr("without partitions"));
  Resize(folder_ / "blank", kMiB);
  EXPECT_EQ(MetadataOf(Refused("blank"))["detected"], "blank");
  Poke(folder_ / "noise", 0, std::string(10'000, 'n'));
  EXPECT_EQ(MetadataOf(Refused("noise"))["detected"], "unknown");
  EXPECT_EQ(ReasonOf(Refused("nowhere")), reason::kFileNotFound);
  ASSERT_EQ(::mkfifo((folder_ / "fifo").c_str(), 0600), 0);
  EXPECT_EQ(ReasonOf(Refused("fifo")), reason::kUnsupportedFormat);
}

TEST_F(DiskSource, ACancelEndsTheConversion) {
  MakeExt4(folder_ / "raw");
  Convert("raw", "vhdx", {"-O", "vhdx"});
  const CancelFlag cancel = true;
  EXPECT_EQ(ReasonOf(OpenDiskSource(folder_ / "vhdx", scratch_, &cancel).status()), reason::kCancelled);
}

TEST_F(DiskSource, AnImageCutShortIsCorrupt) {
  MakeExt4(folder_ / "raw");
  Convert("raw", "qcow2", {"-O", "qcow2"});
  Resize(folder_ / "qcow2", 300'000);
  const absl::Status status = Refused("qcow2");
  EXPECT_FALSE(status.ok());
  Resize(folder_ / "raw", 100 * kMiB);
  EXPECT_EQ(ReasonOf(Refused("raw")), reason::kCorruptSource) << Refused("raw");
}

TEST_F(DiskSource, AdoptionTellsDriverAndFacts) {
  MakeExt4(folder_ / "raw");
  Convert("raw", "vhd", {"-O", "vpc", "-o", "subformat=dynamic,force_size=on"});
  Convert("raw", "fixed", {"-O", "vpc", "-o", "subformat=fixed,force_size=on"});
  Convert("raw", "vhdx", {"-O", "vhdx"});
  for (const auto& [name, driver] : std::vector<std::pair<std::string, std::string>>{
           {"raw", "raw"}, {"vhd", "vpc"}, {"fixed", "vpc"}, {"vhdx", "vhdx"}}) {
    SCOPED_TRACE(name);
    const absl::StatusOr<AdoptFacts> facts = InspectForAdoption(folder_ / name);
    ASSERT_TRUE(facts.ok()) << facts.status();
    EXPECT_EQ(facts->qemu_driver, driver);
    EXPECT_FALSE(facts->needs_check);
    EXPECT_EQ(facts->disk.virtual_size, 128 * kMiB);
    EXPECT_EQ(facts->image.flavor, "testix");
    EXPECT_EQ(facts->image.os_version, "7");
    EXPECT_EQ(facts->image.wsl_default_user, "anna");
    EXPECT_TRUE(facts->image.has_shell);
  }
}

TEST_F(DiskSource, AdoptionOfWhatWasNotUnmountedSaysSoAndWritesNothing) {
  MakeExt4(folder_ / "raw");
  RunOrFail("debugfs", {"-w", "-R", "feature needs_recovery", folder_ / "raw"});
  RunOrFail("cp", {"--sparse=always", folder_ / "raw", folder_ / "before"});
  const absl::StatusOr<AdoptFacts> facts = InspectForAdoption(folder_ / "raw");
  ASSERT_TRUE(facts.ok()) << facts.status();
  EXPECT_TRUE(facts->needs_check);
  EXPECT_EQ(facts->image.flavor, "testix");
  RunOrFail("cmp", {folder_ / "raw", folder_ / "before"});
}

TEST_F(DiskSource, AdoptionReadsLargeImagesWithoutACopy) {
  // Content in many blocks, with holes between them.
  MakeExt4(folder_ / "raw", int64_t{40} << 30);
  for (const auto& [name, options] : std::vector<std::pair<std::string, std::string>>{
           {"vhdx", "subformat=dynamic,block_size=1M"}, {"vpc", "subformat=dynamic,force_size=on"}}) {
    Convert("raw", name, {"-O", name, "-o", options});
    const absl::StatusOr<AdoptFacts> facts = InspectForAdoption(folder_ / name);
    ASSERT_TRUE(facts.ok()) << facts.status();
    EXPECT_EQ(facts->disk.virtual_size, int64_t{40} << 30);
    EXPECT_EQ(facts->image.flavor, "testix");
  }
}

TEST_F(DiskSource, ContentIsTheSameThroughTheTableOfBlocks) {
  MakeExt4(folder_ / "raw");
  const std::string raw = *ReadSmallFile(folder_ / "raw", 200 << 20);
  for (const auto& [name, options] :
       std::vector<std::pair<std::string, std::string>>{{"vhdx", "subformat=dynamic,block_size=1M"},
                                                        {"vhdx", "subformat=dynamic,block_size=64M"},
                                                        {"vpc", "subformat=dynamic,force_size=on"},
                                                        {"vpc", "subformat=fixed,force_size=on"}}) {
    SCOPED_TRACE(options);
    Convert("raw", "image", {"-O", name, "-o", options});
    const auto fd = OpenFile(folder_ / "image", O_RDONLY);
    const auto content = disk::OpenContent(fd->get(), folder_ / "image", *InspectDisk(folder_ / "image"));
    ASSERT_TRUE(content.ok()) << content.status();
    std::string all;
    while (true) {
      // Across the ends of blocks.
      const auto piece = (*content)->ReadUpTo(all.size(), 3'333'333);
      ASSERT_TRUE(piece.ok()) << piece.status();
      if (piece->empty()) break;
      all += *piece;
    }
    EXPECT_TRUE(all == raw);
  }
}

TEST_F(DiskSource, WhatIsInUseIsRefused) {
  MakeExt4(folder_ / "raw");
  const absl::StatusOr<UniqueFd> lock = LockImage(folder_ / "raw");
  ASSERT_TRUE(lock.ok()) << lock.status();
  EXPECT_EQ(ReasonOf(Refused("raw")), reason::kDistroRunning);
  EXPECT_EQ(ReasonOf(InspectForAdoption(folder_ / "raw").status()), reason::kDistroRunning);
}

TEST_F(DiskSource, WhatALoopDeviceWritesIntoIsRefused) {
  const auto image = OpenFile(folder_ / "raw", O_RDWR | O_CREAT);
  ASSERT_TRUE(image.ok()) << image.status();
  const std::string block = folder_ / "block";
  ASSERT_TRUE(MakeFolders(block + "/loop3/loop").ok());
  ASSERT_TRUE(MakeFolders(block + "/sda").ok());
  ASSERT_TRUE(WriteFileAtomically(block + "/loop3/loop/backing_file", folder_ / "other" + "\n").ok());
  ASSERT_TRUE(WriteFileAtomically(block + "/loop3/ro", "0\n").ok());
  const auto check = [&] { return disk::CheckNotInUse(image->get(), folder_ / "raw", block); };
  EXPECT_TRUE(check().ok()) << check();
  ASSERT_TRUE(WriteFileAtomically(block + "/loop3/loop/backing_file", folder_ / "raw" + "\n").ok());
  EXPECT_EQ(ReasonOf(check()), reason::kDistroRunning);
  EXPECT_THAT(std::string(check().message()), HasSubstr("as /dev/loop3: unmount"));
  ASSERT_TRUE(WriteFileAtomically(block + "/loop3/ro", "1\n").ok());
  EXPECT_TRUE(check().ok()) << check();
}

TEST_F(DiskSource, WhatQemuWritesIntoIsRefused) {
  MakeExt4(folder_ / "raw");
  CancelFlag stop = false;
  std::thread writer([&] {
    (void)RunTool("qemu-io", {"-f", "raw", "-c", "sleep 60000", folder_ / "raw"}, {.cancel = &stop});
  });
  std::string reason;
  for (int i = 0; i < 200 && reason.empty(); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    reason = ReasonOf(Refused("raw"));
  }
  stop = true;
  writer.join();
  EXPECT_EQ(reason, reason::kDistroRunning);
}

TEST_F(DiskSource, AdoptionRefusesWhatCanOnlyBeImported) {
  MakeExt4(folder_ / "raw");
  Convert("raw", "qcow2", {"-O", "qcow2"});
  MakeDisk("gpt", "label: gpt\nstart=1MiB,size=130MiB\n", {{"raw", 1}});
  for (const char* name : {"qcow2", "gpt"}) {
    const absl::Status status = InspectForAdoption(folder_ / name).status();
    EXPECT_EQ(ReasonOf(status), reason::kUnsupportedFormat);
    EXPECT_THAT(std::string(status.message()), HasSubstr("wslm import"));
  }
}

}  // namespace
}  // namespace wslm
