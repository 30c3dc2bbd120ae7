// Formats are told by content, and headers that want other files, lie or are damaged are refused before anything else
// opens the image.
#include "distros/disk/disk_format.h"

#include <algorithm>
#include <fstream>
#include <random>

#include "distros/disk/adoption.h"
#include "distros/disk/disk_source.h"
#include "distros/disk/header_reader.h"
#include "distros/disk/test_disk.h"

namespace wslm {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;

std::string Big(uint64_t value, size_t size) {
  std::string bytes;
  for (size_t i = size; i-- > 0;) bytes += static_cast<char>(value >> 8 * i);
  return bytes;
}

class DiskFormatTest : public ::testing::Test {
 protected:
  std::string Detected(const std::string& name) {
    const absl::Status status = InspectDisk(folder_ / name).status();
    if (status.ok()) return "taken";
    if (ReasonOf(status) == reason::kCorruptSource) return "corrupt";
    EXPECT_EQ(ReasonOf(status), reason::kUnsupportedFormat) << status;
    return MetadataOf(status)["detected"];
  }
  void Create(const std::string& name, const std::vector<std::string>& options, const std::string& size = "10M") {
    std::vector<std::string> arguments = {"create", "-q"};
    arguments.insert(arguments.end(), options.begin(), options.end());
    arguments.push_back(folder_ / name);
    if (!size.empty()) arguments.push_back(size);
    RunOrFail("qemu-img", arguments);
  }
  std::string Read(const std::string& name, size_t offset, size_t size) {
    const auto bytes = ReadSmallFile(folder_ / name, 64 << 20);
    EXPECT_TRUE(bytes.ok()) << bytes.status();
    return bytes.ok() ? bytes->substr(offset, size) : std::string(size, '\0');
  }
  // A VHD's checksum at `at` of the `size` bytes at `begin`.
  void SumVhd(const std::string& name, size_t begin, size_t size, size_t at) {
    std::string bytes = Read(name, begin, size);
    bytes.replace(at, 4, 4, '\0');
    uint32_t sum = 0;
    for (const char c : bytes) sum += static_cast<unsigned char>(c);
    Poke(folder_ / name, static_cast<int64_t>(begin + at), Big(~sum, 4));
  }

  const TestFolder folder_;
};

TEST_F(DiskFormatTest, QcowThatNeedsAnotherFileIsRefused) {
  Create("base", {"-f", "qcow2"});
  Create("overlay", {"-f", "qcow2", "-b", folder_ / "base", "-F", "qcow2"}, "");
  EXPECT_EQ(Detected("overlay"), "qcow2-backing-file");
  Create("data", {"-f", "qcow2", "-o", "data_file=" + (folder_ / "data.raw")});
  EXPECT_EQ(Detected("data"), "qcow2-data-file");
  Create("data-raw", {"-f", "qcow2", "-o", "data_file_raw=on,data_file=" + (folder_ / "data2.raw")});
  EXPECT_EQ(Detected("data-raw"), "qcow2-data-file");
  // The file's name without the feature's bit.
  Poke(folder_ / "data", 72, Big(0, 8));
  EXPECT_EQ(Detected("data"), "qcow2-data-file");
  EXPECT_EQ(Detected("base"), "taken");
  // Either field alone.
  Poke(folder_ / "base", 8, Big(200, 8));
  EXPECT_EQ(Detected("base"), "qcow2-backing-file");
  Poke(folder_ / "base", 8, Big(0, 8));
  Poke(folder_ / "base", 16, Big(9, 4));
  EXPECT_EQ(Detected("base"), "qcow2-backing-file");
  const absl::Status status = OpenDiskSource(folder_ / "overlay", folder_.path(), nullptr).status();
  EXPECT_THAT(std::string(status.message()), HasSubstr("qemu-img convert"));
}

TEST_F(DiskFormatTest, EncryptedQcowIsRefused) {
  // The old kind and LUKS. By hand: how qemu-img chooses the cost of a key fails on a busy machine.
  for (const uint64_t method : {1, 2}) {
    Create("image", {"-f", "qcow2"});
    Poke(folder_ / "image", 32, Big(method, 4));
    EXPECT_EQ(Detected("image"), "qcow2-encrypted");
  }
  // The place of a LUKS header, though no method is named.
  Create("image", {"-f", "qcow2"});
  Poke(folder_ / "image", 112, Big(0x0537be77, 4) + Big(16, 4));
  EXPECT_EQ(Detected("image"), "qcow2-encrypted");
}

TEST_F(DiskFormatTest, QcowHeadersThatCannotBeAreRefused) {
  const struct {
    int64_t offset;
    std::string bytes;
    std::string detected;
  } lies[] = {{4, Big(1, 4), "qcow"},
              {4, Big(4, 4), "qcow2"},
              {20, Big(8, 4), "corrupt"},
              {20, Big(63, 4), "corrupt"},
              {24, Big(0, 8), "corrupt"},
              {24, Big(UINT64_MAX, 8), "large"},
              {72, Big(2, 8), "corrupt"},
              {72, Big(1 << 5, 8), "qcow2"},
              {72, Big(uint64_t{1} << 63, 8), "qcow2"},
              {100, Big(8, 4), "corrupt"},
              {100, Big(UINT32_MAX, 4), "corrupt"}};
  for (const auto& lie : lies) {
    Create("image", {"-f", "qcow2"});
    Poke(folder_ / "image", lie.offset, lie.bytes);
    EXPECT_EQ(Detected("image"), lie.detected) << lie.offset;
  }
  // An extension beyond its cluster.
  Create("image", {"-f", "qcow2"});
  Poke(folder_ / "image", 112, Big(0x12345678, 4) + Big(UINT32_MAX - 3, 4));
  EXPECT_EQ(Detected("image"), "corrupt");
  Poke(folder_ / "short", 0, "QFI\xFB");
  EXPECT_EQ(Detected("short"), "corrupt");
}

TEST_F(DiskFormatTest, VhdWithAParentIsRefused) {
  Create("vhd", {"-f", "vpc"});
  EXPECT_EQ(Detected("vhd"), "taken");
  Poke(folder_ / "vhd", 60, Big(4, 4));
  SumVhd("vhd", 0, 512, 64);
  EXPECT_EQ(Detected("vhd"), "vhd-differencing");

  // Dynamic, it says, with a parent's identity; and with the place of one.
  for (const size_t field : {40, 576}) {
    Create("vhd", {"-f", "vpc"});
    Poke(folder_ / "vhd", static_cast<int64_t>(512 + field), "W2ku");
    SumVhd("vhd", 512, 1024, 36);
    EXPECT_EQ(Detected("vhd"), "vhd-differencing");
  }
}

TEST_F(DiskFormatTest, VhdHeadersThatCannotBeAreRefused) {
  const struct {
    int64_t offset;
    std::string bytes;
    bool sum;
    std::string detected;
  } lies[] = {{60, Big(7, 4), true, "corrupt"},
              {64, Big(5, 4), false, "corrupt"},
              {48, Big(0, 8), true, "corrupt"},
              {48, Big(UINT64_MAX, 8), true, "large"},
              {16, Big(uint64_t{1} << 40, 8), true, "corrupt"},
              {16, Big(UINT64_MAX, 8), true, "corrupt"},
              {512, "CXSPARSE", false, "corrupt"},
              {540, "x", false, "corrupt"}};
  for (const auto& lie : lies) {
    Create("vhd", {"-f", "vpc"});
    Poke(folder_ / "vhd", lie.offset, lie.bytes);
    if (lie.sum) SumVhd("vhd", 0, 512, 64);
    EXPECT_EQ(Detected("vhd"), lie.detected) << lie.offset;
  }
}

TEST_F(DiskFormatTest, AFixedVhdIsOneOnlyWhenItsFooterIsRightInAllItSays) {
  Create("fixed", {"-f", "vpc", "-o", "subformat=fixed,force_size=on"});
  const int64_t content = 10 * kMiB;
  EXPECT_EQ(InspectDisk(folder_ / "fixed")->format, DiskFormat::kVhdFixed);
  EXPECT_EQ(InspectDisk(folder_ / "fixed")->virtual_size, content);
  // A guest wrote a footer into the last sector of its raw disk, of whatever kind: it stays raw.
  Poke(folder_ / "fixed", content + 60, Big(3, 4));
  EXPECT_EQ(InspectDisk(folder_ / "fixed")->format, DiskFormat::kRaw);
  SumVhd("fixed", static_cast<size_t>(content), 512, 64);
  EXPECT_EQ(InspectDisk(folder_ / "fixed")->format, DiskFormat::kRaw);
  Poke(folder_ / "fixed", content + 60, Big(2, 4));
  Poke(folder_ / "fixed", content + 48, Big(5 * kMiB, 8));
  SumVhd("fixed", static_cast<size_t>(content), 512, 64);
  EXPECT_EQ(InspectDisk(folder_ / "fixed")->format, DiskFormat::kRaw);
}

// Where the metadata of a VHDX lies, and in it an item's entry.
constexpr int64_t kMetadata = 3 << 20;

TEST_F(DiskFormatTest, VhdxWithAParentIsRefused) {
  Create("vhdx", {"-f", "vhdx"});
  ASSERT_EQ(Read("vhdx", kMetadata, 8), "metadata");
  EXPECT_EQ(Detected("vhdx"), "taken");
  // The first item is the file's parameters: block size and flags.
  const uint32_t offset = disk::LittleEndian<uint32_t>(Read("vhdx", kMetadata + 32 + 16, 4), 0);
  Poke(folder_ / "vhdx", kMetadata + offset + 4, std::string("\x02\0\0\0", 4));
  EXPECT_EQ(Detected("vhdx"), "vhdx-differencing");

  // The entry of a parent's locator, though the flag is not set.
  Create("vhdx", {"-f", "vhdx"});
  Poke(folder_ / "vhdx", kMetadata + 32 + 32 * 4, "\x2D\x5F\xD3\xA8\x0B\xB3\x4D\x45\xAB\xF7\xD3\xD8\x48\x34\xAB\x0C");
  EXPECT_EQ(Detected("vhdx"), "vhdx-differencing");
}

TEST_F(DiskFormatTest, VhdxHeadersThatCannotBeAreRefused) {
  const struct {
    const char* what;
    std::vector<std::pair<int64_t, std::string>> lies;
  } cases[] = {{"both headers", {{(64 << 10) + 100, "x"}, {(128 << 10) + 100, "x"}}},
               {"both tables of regions", {{(192 << 10) + 100, "x"}, {(256 << 10) + 100, "x"}}},
               {"metadata", {{kMetadata, "METADATA"}}},
               {"entries of metadata", {{kMetadata + 10, "\xFF\xFF"}}},
               {"items beyond the file", {{kMetadata + 32 + 16, "\xFF\xFF\xFF\xFF"}}},
               {"no items", {{kMetadata + 10, std::string(2, '\0')}}}};
  for (const auto& hostile : cases) {
    Create("vhdx", {"-f", "vhdx"});
    for (const auto& [offset, bytes] : hostile.lies) Poke(folder_ / "vhdx", offset, bytes);
    EXPECT_EQ(Detected("vhdx"), "corrupt") << hostile.what;
  }
  // One of each is enough.
  Create("vhdx", {"-f", "vhdx"});
  Poke(folder_ / "vhdx", (64 << 10) + 100, "x");
  Poke(folder_ / "vhdx", (256 << 10) + 100, "x");
  EXPECT_EQ(Detected("vhdx"), "taken");
  Resize(folder_ / "vhdx", 1 << 20);
  EXPECT_EQ(Detected("vhdx"), "corrupt");
}

TEST_F(DiskFormatTest, AVhdxThatNobodyClosedIsReadThroughACopyThatIsClosed) {
  const std::string digest = MakeExt4(folder_ / "raw", 64 * kMiB);
  RunOrFail("qemu-img", {"convert", "-f", "raw", "-O", "vhdx", folder_ / "raw", folder_ / "vhdx"});
  // Both headers say that there is a log.
  for (const int64_t at : {64 << 10, 128 << 10}) {
    std::string header = Read("vhdx", static_cast<size_t>(at), 4096);
    header.replace(4, 4, 4, '\0').replace(48, 16, 16, 'l');
    uint32_t crc = ~uint32_t{0};
    for (const char c : header) {
      crc ^= static_cast<unsigned char>(c);
      for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ ((crc & 1) != 0 ? 0x82F63B78 : 0);
    }
    crc = ~crc;
    header.replace(4, 4, reinterpret_cast<const char*>(&crc), 4);
    Poke(folder_ / "vhdx", at, header);
  }
  const auto facts = InspectDisk(folder_ / "vhdx");
  ASSERT_TRUE(facts.ok()) << facts.status();
  EXPECT_TRUE(facts->unclean);
  RunOrFail("cp", {folder_ / "vhdx", folder_ / "before"});
  EXPECT_EQ(DigestOrError(OpenDiskSource(folder_ / "vhdx", folder_.path(), nullptr)), digest);
  RunOrFail("cmp", {folder_ / "vhdx", folder_ / "before"});
  EXPECT_EQ(EntriesIn(folder_.path()), 3);
}

TEST_F(DiskFormatTest, OtherKindsOfImagesAreNamed) {
  Create("vmdk", {"-f", "vmdk"});
  EXPECT_EQ(Detected("vmdk"), "vmdk");
  Create("vdi", {"-f", "vdi"});
  EXPECT_EQ(Detected("vdi"), "vdi");
  Poke(folder_ / "flat", 0, "# Disk DescriptorFile\nRW 1 FLAT \"/etc/shadow\" 0\n");
  EXPECT_EQ(Detected("flat"), "vmdk");
  // QEMU's own words for a graph of files are nothing but noise in a file.
  Poke(folder_ / "json", 0, "json:{\"driver\":\"raw\",\"file\":{\"driver\":\"file\",\"filename\":\"/etc/shadow\"}}");
  EXPECT_EQ(InspectDisk(folder_ / "json")->format, DiskFormat::kRaw);
  Poke(folder_ / "empty", 0, "");
  EXPECT_EQ(Detected("empty"), "empty");
}

TEST_F(DiskFormatTest, BytesChangedAnywhereNeverCrashTheReaders) {
  std::mt19937 random(1);
  for (const char* format : {"qcow2", "vpc", "vhdx"}) {
    Create(format, {"-f", format});
    const std::string good = Read(format, 0, 64 << 20);
    std::vector<size_t> used;
    for (size_t at = 0; at < good.size(); ++at) {
      if (good[at] != '\0') used.push_back(at);
    }
    for (int round = 0; round < 200; ++round) {
      std::string bad = good;
      for (int i = 0; i < 3; ++i) {
        // Near what is used, so that fields that are zero change, too; never the magic.
        const size_t at = std::min(used[random() % used.size()] + random() % 8, bad.size() - 1);
        if (at >= 8) bad[at] = static_cast<char>(random());
      }
      if (round % 10 == 0) bad.resize(random() % bad.size());
      // Not synced each time.
      std::ofstream(folder_ / "bad", std::ios::binary) << (bad.empty() ? "x" : bad);
      const auto facts = InspectDisk(folder_ / "bad");
      if (facts.ok()) continue;
      EXPECT_THAT(ReasonOf(facts.status()), AnyOf(reason::kCorruptSource, reason::kUnsupportedFormat));
    }
  }
}

TEST_F(DiskFormatTest, HostileContentsOfGoodHeadersEndInAnErrorAndLeaveNothing) {
  const TestFolder scratch;
  MakeExt4(folder_ / "raw", 32 * kMiB, {Folder("")});
  std::mt19937 random(2);
  for (const char* format : {"qcow2", "vpc", "vhdx"}) {
    RunOrFail("qemu-img", {"convert", "-f", "raw", "-O", format, folder_ / "raw", folder_ / "good"});
    const auto good = ReadSmallFile(folder_ / "good", 256 << 20);
    ASSERT_TRUE(good.ok());
    for (int round = 0; round < 8; ++round) {
      std::string bad = *good;
      // Tables and content.
      for (int i = 0; i < 300; ++i) bad[1024 + random() % (bad.size() - 1024)] = static_cast<char>(random());
      ASSERT_TRUE(WriteFileAtomically(folder_ / "bad", bad).ok());
      (void)DigestOrError(OpenDiskSource(folder_ / "bad", scratch.path(), nullptr));
      EXPECT_EQ(EntriesIn(scratch.path()), 0);
      // The tables alone, more often.
      for (int more = 0; more < 10; ++more) {
        const auto adopted = InspectForAdoption(folder_ / "bad");
        if (!adopted.ok()) {
          EXPECT_THAT(ReasonOf(adopted.status()), AnyOf(reason::kCorruptSource, reason::kUnsupportedFormat));
        }
        Poke(folder_ / "bad", static_cast<int64_t>(1024 + random() % (good->size() - 1024)), "hostile");
      }
    }
  }
}

}  // namespace
}  // namespace wslm
