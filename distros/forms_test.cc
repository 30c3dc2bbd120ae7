// One tree through all forms: what goes in comes out, whichever way it took.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bit>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "distros/ext4/ext4.h"
#include "distros/host/files.h"
#include "distros/host/remove_tree.h"
#include "distros/host/test_folder.h"
#include "distros/lxfs/lxfs.h"
#include "distros/tar/tar_sink.h"
#include "distros/tar/tar_source.h"
#include "distros/tree/digest.h"
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
      sink = CreateExt4Sink(folder_ / to, {.size = 2048 * kMiB});
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

  // Or what went wrong.
  std::string DigestIn(const std::string& form) {
    const std::unique_ptr<Source> source = SourceOf(form);
    if (source == nullptr) return "no source";
    const absl::StatusOr<TreeDigest> digest = DigestOf(*source, {});
    return digest.ok() ? digest->ToString() : std::string(digest.status().message());
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

// What a Linux tree may have, row by row, and the forms that hold it in full.
struct Row {
  const char* what;
  std::vector<TestFile> (*tree)();
  bool tar = true;
  bool ext4 = true;
};

TestFile Of(FileType type, std::string path, uint16_t mode = 0640) {
  return {
      {.path = std::move(path), .type = type, .mode = mode, .symlink_target = type == FileType::kSymlink ? "x" : ""},
      {}};
}
TestFile At(TestFile file, Timestamp mtime) {
  file.entry.mtime = mtime;
  return file;
}
TestFile With(TestFile file, std::map<std::string, std::string> xattrs) {
  file.entry.xattrs = std::move(xattrs);
  return file;
}
TestFile Numbered(TestFile file, uint32_t major, uint32_t minor) {
  file.entry.rdev_major = major;
  file.entry.rdev_minor = minor;
  return file;
}

// An entry of a POSIX ACL as getxattr gives it: tag, permissions, id, little endian.
std::string AclEntry(uint16_t tag, uint16_t permissions, uint32_t id = 0xffffffff) {
  std::string bytes;
  for (const uint32_t half : {uint32_t{tag}, uint32_t{permissions}, id & 0xffff, id >> 16}) {
    bytes += static_cast<char>(half & 0xff);
    bytes += static_cast<char>(half >> 8 & 0xff);
  }
  return bytes;
}
// User 7 and group 8 are named; the mask lets less through than they have, and is the mode's group part.
std::string Acl(uint16_t mask) {
  return std::string("\2\0\0\0", 4) + AclEntry(0x01, 6) + AclEntry(0x02, 7, 7) + AclEntry(0x04, 5) +
         AclEntry(0x08, 6, 8) + AclEntry(0x10, mask) + AclEntry(0x20, 0);
}
const char kCapability[] = "\1\0\0\2\0\x20\0\0\0\0\0\0\0\0\0\0\0\0\0\0";

std::vector<TestFile> Types() {
  std::vector<TestFile> tree = {Folder("")};
  for (const FileType type : {FileType::kRegular, FileType::kDirectory, FileType::kSymlink, FileType::kFifo}) {
    const std::string name = std::to_string(static_cast<int>(type));
    for (const uint32_t id : {0u, 1u, 1000u, 65534u, 65536u, 2147483648u, 4294967294u}) {
      tree.push_back(Owned(Of(type, name + "-" + std::to_string(id)), id, id));
      tree.push_back(Owned(Of(type, name + "-user-" + std::to_string(id)), id, 3));
    }
  }
  for (const FileType type : {FileType::kCharDevice, FileType::kBlockDevice}) {
    const std::string name = std::to_string(static_cast<int>(type));
    tree.push_back(Numbered(Owned(Of(type, name), 4294967294, 4294967294), 4095, 1048575));
    tree.push_back(Numbered(Of(type, name + "-small"), 0, 0));
  }
  return tree;
}

std::vector<TestFile> Sockets() {
  return {Folder(""), Owned(Of(FileType::kSocket, "a", 07777), 4294967294, 4294967294), Of(FileType::kSocket, "b"),
          With(Of(FileType::kSocket, "c"), {{"trusted.note", "s"}}), HardLink("d", "a")};
}

std::vector<TestFile> Modes() {
  std::vector<TestFile> tree = {Folder("")};
  for (uint16_t mode = 0; mode <= 07777; ++mode) {
    // Each bit with each other, alone, and all others without it.
    const int bits = std::popcount(mode);
    if (bits > 2 && bits < 11) continue;
    tree.push_back(File("file" + std::to_string(mode), "", mode));
    tree.push_back(Owned(Folder("folder" + std::to_string(mode), mode), 1000, 1000));
    tree.push_back(Of(FileType::kFifo, "fifo" + std::to_string(mode), mode));
  }
  return tree;
}

std::vector<TestFile> Times() {
  std::vector<TestFile> tree = {At(Folder(""), {-2, 999'999'999})};
  for (const FileType type : {FileType::kRegular, FileType::kDirectory, FileType::kSymlink, FileType::kFifo}) {
    for (const int64_t seconds :
         {-2'147'483'647LL, -2LL, 0LL, 2'147'483'647LL, 2'147'483'648LL, 4'294'967'296LL, 9'999'999'999LL}) {
      for (const uint32_t nanoseconds : {0u, 1u, 999'999'999u}) {
        const std::string name =
            std::to_string(static_cast<int>(type)) + " " + std::to_string(seconds) + "." + std::to_string(nanoseconds);
        tree.push_back(At(Of(type, name), {seconds, nanoseconds}));
      }
    }
  }
  return tree;
}

std::vector<TestFile> Xattrs() {
  const std::string capability(kCapability, sizeof(kCapability) - 1);
  return {Folder(""),
          With(File("file", "x", 0660), {{"user.a", ""},
                                         {"user.b", std::string("\0\xff\n", 3)},
                                         {"trusted.c", "c"},
                                         {"security.capability", capability},
                                         {"security.other", "o"},
                                         {"system.posix_acl_access", Acl(4)}}),
          // The mask lies in the group's bits: with 4 it is 0640, whatever the group itself has.
          With(File("masked", "x", 0640), {{"system.posix_acl_access", Acl(4)}}),
          With(Owned(File("closed", "x", 0), 1000, 1000), {{"system.posix_acl_access", Acl(0)}}),
          With(Owned(Folder("folder", 02770), 1000, 1000),
               {{"system.posix_acl_access", Acl(7)}, {"system.posix_acl_default", Acl(5)}, {"user.a", "a"}}),
          With(Folder("closed-folder", 0), {{"trusted.a", "a"}}),
          With(Of(FileType::kSymlink, "link"), {{"trusted.a", "a"}, {"security.b", "b"}}),
          With(Of(FileType::kFifo, "fifo"), {{"trusted.a", "a"}, {"system.posix_acl_access", Acl(4)}}),
          With(Numbered(Of(FileType::kBlockDevice, "device"), 8, 1),
               {{"trusted.a", "a"}, {"system.posix_acl_access", Acl(6)}})};
}

// Beyond what ext4 has room for in an inode and a block: in a tar and in lxfs only.
std::vector<TestFile> LargeXattrs() {
  return {Folder(""), With(File("file", "x"), {{"user.large", std::string(40'000, 'l')}, {"user.small", "s"}}),
          With(Folder("folder"), {{"trusted.large", std::string(20'000, 'l')}})};
}

std::vector<TestFile> HardLinks() {
  std::vector<TestFile> tree = {Folder(""), Owned(File("file", "content", 04755), 1000, 1000),
                                Owned(Of(FileType::kSymlink, "link"), 1000, 1000), Of(FileType::kFifo, "fifo"),
                                Numbered(Of(FileType::kCharDevice, "device"), 1, 3)};
  for (const char* first : {"file", "link", "fifo", "device"}) {
    for (int i = 0; i < 5; ++i) tree.push_back(HardLink("of " + std::string(first) + std::to_string(i), first));
  }
  return tree;
}

std::vector<TestFile> Names() {
  std::vector<TestFile> tree = {Folder("")};
  for (int byte = 1; byte < 256; ++byte) {
    const char c = static_cast<char>(byte);
    if (c == '/') continue;
    if (c != '.') tree.push_back(File(std::string(1, c), "x"));
    tree.push_back(Symlink(std::string("link") + c, std::string(1, c)));
    tree.push_back(Folder(std::string("folder") + c));
  }
  for (const char* name : {"...", " ", "-", ".wh.x", "a\\b", "\xc3\xa4"}) tree.push_back(File(name, name));
  tree.push_back(File(std::string(255, '\xfe'), "x"));
  return tree;
}

// Two ways to write an "a" with dots, which are two files on Linux.
std::vector<TestFile> NamesThatLookTheSame() { return {Folder(""), File("\xc3\xa4", "1"), File("a\xcc\x88", "22")}; }

std::vector<TestFile> DeepPaths() {
  std::vector<TestFile> tree = {Folder("")};
  std::string path;
  for (int depth = 0; depth < 40; ++depth) {
    path += (depth == 0 ? "" : "/") + std::string(200, static_cast<char>('a' + depth % 26));
    tree.push_back(Folder(path));
  }
  tree.push_back(File(path + "/file", "deep"));
  tree.push_back(HardLink(path + "/again", path + "/file"));
  tree.push_back(Symlink(path + "/link", std::string(4095, 't')));
  return tree;
}

std::vector<TestFile> ManyFiles() {
  std::vector<TestFile> tree = {Folder(""), Folder("many")};
  for (int i = 0; i < 100'000; ++i) tree.push_back(File("many/" + std::to_string(i), ""));
  return tree;
}

std::vector<TestFile> LargeSparse() {
  constexpr int64_t kGiB = 1024 * kMiB;
  TestFile file{{.path = "sparse", .mode = 0600, .size = 9 * kGiB}, {{0, "a"}, {8 * kGiB + 4095, "bc"}}};
  file.entry.extents = {{{0, 1}, {8 * kGiB + 4095, 2}}};
  return {Folder(""), file};
}

constexpr Row kRows[] = {
    {"Types", Types},
    {"Sockets", Sockets, /*tar=*/false},
    {"Modes", Modes},
    {"Times", Times},
    {"Xattrs", Xattrs},
    {"LargeXattrs", LargeXattrs, /*tar=*/true, /*ext4=*/false},
    {"HardLinks", HardLinks},
    {"Names", Names},
    // What reads a tar makes one name of the two.
    {"NamesThatLookTheSame", NamesThatLookTheSame, /*tar=*/false},
    {"DeepPaths", DeepPaths},
    {"ManyFiles", ManyFiles},
    {"LargeSparse", LargeSparse},
};

class CompletenessTest : public FormsTest, public testing::WithParamInterface<Row> {};

INSTANTIATE_TEST_SUITE_P(, CompletenessTest, testing::ValuesIn(kRows), [](const auto& row) { return row.param.what; });

TEST_P(CompletenessTest, EachFormHoldsItAllAndGivesItToTheNext) {
  DigestBuilder builder;
  for (const TestFile& file : GetParam().tree()) {
    ASSERT_TRUE(builder.Begin(file.entry).ok());
    for (const auto& [offset, bytes] : file.blocks) builder.Write({offset, bytes});
    builder.End();
  }
  const std::string digest = builder.Finish()->ToString();
  TestSource source(GetParam().tree());
  EXPECT_EQ(Move(source, "lxfs"), digest);
  EXPECT_EQ(DigestIn("lxfs"), digest);
  if (GetParam().tar) {
    EXPECT_EQ(Move("lxfs", "1.tar"), digest);
    EXPECT_EQ(DigestIn("1.tar"), digest);
  }
  if (GetParam().ext4) {
    EXPECT_EQ(Move("lxfs", "ext4"), digest);
    EXPECT_EQ(DigestIn("ext4"), digest);
    // Back to version 1: nothing is lost.
    ASSERT_TRUE(RemoveTree(folder_ / "lxfs").ok());
    EXPECT_EQ(Move("ext4", "lxfs"), digest);
    EXPECT_EQ(DigestIn("lxfs"), digest);
  }
}

TEST_F(FormsTest, ALinkHasTheOneModeThatLinuxKnowsAndThatIsNoLoss) {
  TestFile link = Symlink("link", "target");
  link.entry.mode = 0700;
  TestSource source({Folder(""), link});
  const std::string digest = Move(source, "1.tar");
  EXPECT_EQ(Move("1.tar", "lxfs"), digest);
  EXPECT_EQ(Move("lxfs", "ext4"), digest);
  EXPECT_EQ(Move("ext4", "2.tar"), digest);
  for (const char* form : {"lxfs", "ext4", "2.tar"}) {
    const std::unique_ptr<Source> written = SourceOf(form);
    Entry entry;
    while (*written->Next(entry)) {
      if (entry.type == FileType::kSymlink) {
        EXPECT_EQ(entry.mode, 0777) << form;
      }
    }
  }
}

}  // namespace
}  // namespace wslm
