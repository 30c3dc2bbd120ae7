// One tree through all forms: what goes in comes out, whichever way it took.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <vector>

#include "distros/ext4/ext4.h"
#include "distros/host/files.h"
#include "distros/host/test_folder.h"
#include "distros/lxfs/lxfs.h"
#include "distros/tar/tar_sink.h"
#include "distros/tar/tar_source.h"
#include "distros/tree/test_tree.h"
#include "distros/tree/transfer.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace wslm {
namespace {

constexpr SecondOwner kSecondOwner = {1000, 1000};
constexpr int64_t kMiB = int64_t{1} << 20;

TestFile Owned(TestFile file, uint32_t uid, uint32_t gid) {
  file.entry.uid = uid;
  file.entry.gid = gid;
  return file;
}

// Of everything that all forms hold.
std::vector<TestFile> Everything() {
  TestFile sparse{{.path = "sparse", .mode = 0644, .size = 500 * kMiB}, {{3 * kMiB, "begin"}, {400 * kMiB, "end"}}};
  sparse.entry.extents = {{{3 * kMiB, 5}, {400 * kMiB, 3}}};
  TestFile hole{{.path = "hole", .mode = 0600, .size = 300 * kMiB}, {}};
  hole.entry.extents.emplace();
  TestFile attributes = File("etc/capable", "ELF", 04755);
  attributes.entry.mtime = {1'600'000'000, 987'654'321};
  attributes.entry.xattrs = {{"user.note", std::string("\0\xFF", 2)},
                             {"trusted.overlay.opaque", "y"},
                             {"security.capability", std::string("\x01\0\0\x02 \0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 20)}};
  TestFile null{{.path = "dev/null", .type = FileType::kCharDevice, .mode = 0666, .rdev_major = 1, .rdev_minor = 3},
                {}};
  TestFile disk{{.path = "dev/disk",
                 .type = FileType::kBlockDevice,
                 .mode = 0660,
                 .gid = 6,
                 .rdev_major = 259,
                 .rdev_minor = 70000},
                {}};
  TestFile fifo{{.path = "run/fifo", .type = FileType::kFifo, .mode = 0620, .uid = 7}, {}};
  std::vector<TestFile> files = {Folder(""),
                                 Folder("etc"),
                                 Folder("dev"),
                                 Folder("run", 01777),
                                 Owned(Folder("home", 0700), 1000, 1000),
                                 Owned(File("home/own", "x", 0600), 1000, 1000),
                                 Owned(File("home/other", "x", 0), 4294967294, 65534),
                                 Owned(File("etc/shadow", "secret", 0640), 0, 42),
                                 attributes,
                                 null,
                                 disk,
                                 fifo,
                                 sparse,
                                 hole,
                                 Owned(Symlink("home/link", "own"), 1000, 1000),
                                 Symlink("etc/long", std::string(500, 't')),
                                 HardLink("etc/again", "etc/shadow"),
                                 HardLink("home/link again", "home/link"),
                                 HardLink("dev/zero", "dev/null"),
                                 File("etc/not utf8 \xFF", "x"),
                                 File(std::string(255, 'n'), "x"),
                                 File("etc/large", std::string(5 * kMiB + 1, 'x'))};
  for (int i = 0; i < 2000; ++i) files.push_back(File("many " + std::to_string(i % 3) + "/" + std::to_string(i), "y"));
  return files;
}

class FormsTest : public testing::Test {
 protected:
  // Into the form that `to` names, at the path `to`.
  std::unique_ptr<Sink> SinkOf(const std::string& to) {
    absl::StatusOr<std::unique_ptr<Sink>> sink = absl::InternalError("no such form");
    if (to == "lxfs") {
      EXPECT_TRUE(MakeFolders(folder_ / to).ok());
      sink = CreateLxfsSink(folder_ / to, kSecondOwner);
    } else if (to == "ext4") {
      sink = CreateExt4Sink(folder_ / to, {.size = 1024 * kMiB});
    } else {
      sink = OpenTarSink(FdByteSink(*OpenFile(folder_ / to, O_WRONLY | O_CREAT), to), *TarCompressionOfName(to));
    }
    EXPECT_TRUE(sink.ok()) << sink.status();
    return sink.ok() ? *std::move(sink) : nullptr;
  }

  std::unique_ptr<Source> SourceOf(const std::string& from) {
    absl::StatusOr<std::unique_ptr<Source>> source = absl::InternalError("no such form");
    if (from == "lxfs") {
      source = OpenLxfsSource(folder_ / from, kSecondOwner);
    } else if (from == "ext4") {
      source = OpenExt4Source(folder_ / from);
    } else {
      source = OpenTarSource(FdByteSource(*OpenFile(folder_ / from, O_RDONLY), from), from);
    }
    EXPECT_TRUE(source.ok()) << source.status();
    return source.ok() ? *std::move(source) : nullptr;
  }

  std::string Move(Source& source, const std::string& to) {
    const std::unique_ptr<Sink> sink = SinkOf(to);
    if (sink == nullptr) return "no sink";
    const absl::StatusOr<TransferResult> result = Transfer(source, *sink, {});
    if (!result.ok()) return std::string(result.status().message());
    EXPECT_THAT(result->warnings, testing::Each("odd"));  // what the tests' own source says
    EXPECT_TRUE(result->losses.empty()) << result->losses[0];
    return result->digest.ToString();
  }

  std::string Move(const std::string& from, const std::string& to) {
    const std::unique_ptr<Source> source = SourceOf(from);
    return source == nullptr ? "no source" : Move(*source, to);
  }

  int64_t BytesOnDisk(const std::string& file) {
    struct stat st = {};
    EXPECT_EQ(::stat((folder_ / file).c_str(), &st), 0);
    return int64_t{st.st_blocks} * 512;
  }

  const TestFolder folder_;
};

TEST_F(FormsTest, ATreeIsTheSameAfterEachStepAndItsHolesCostNothing) {
  TestSource source(Everything());
  const std::string digest = Move(source, "1.tar");
  EXPECT_EQ(Move("1.tar", "lxfs"), digest);
  EXPECT_EQ(Move("lxfs", "ext4"), digest);
  ASSERT_TRUE(CheckExt4(folder_ / "ext4").ok());
  EXPECT_EQ(Move("ext4", "2.tar"), digest);
  EXPECT_EQ(Move("lxfs", "3.tar"), digest);
  EXPECT_EQ(Move("3.tar", "4.tar"), digest);
  for (const char* file : {"1.tar", "2.tar", "3.tar", "4.tar", "lxfs/rootfs/sparse", "lxfs/rootfs/hole", "ext4"}) {
    EXPECT_LT(BytesOnDisk(file), 40 * kMiB) << file;
  }
}

TEST_F(FormsTest, SocketsGoFromFolderToImageAndBack) {
  TestSource source({Folder(""),
                     Folder("run"),
                     {{.path = "run/socket", .type = FileType::kSocket, .mode = 0755, .uid = 5, .gid = 6}, {}}});
  const std::string digest = Move(source, "ext4");
  EXPECT_EQ(Move("ext4", "lxfs"), digest);
  const std::unique_ptr<Source> back = SourceOf("lxfs");
  EXPECT_EQ(DigestOf(*back, {})->ToString(), digest);
}

}  // namespace
}  // namespace wslm
