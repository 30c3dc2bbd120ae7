// The kernel sees in our images what we wrote, and we see what a kernel wrote. Mounting takes root.
#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <map>

#include "distros/ext4/resize.h"
#include "distros/ext4/test_image.h"
#include "distros/host/host_tool.h"

namespace wslm {
namespace {

using ::testing::HasSubstr;

std::string ReadWhole(const std::string& path) {
  std::string content(std::filesystem::file_size(path), '\0');
  std::ifstream(path, std::ios::binary).read(content.data(), static_cast<std::streamsize>(content.size()));
  return content;
}

std::map<std::string, std::string> XattrsOf(const std::string& path) {
  std::map<std::string, std::string> xattrs;
  char names[65536];
  const ssize_t size = ::llistxattr(path.c_str(), names, sizeof names);
  for (ssize_t at = 0; at < size; at += static_cast<ssize_t>(std::strlen(names + at)) + 1) {
    char value[65536];
    const ssize_t length = ::lgetxattr(path.c_str(), names + at, value, sizeof value);
    EXPECT_GE(length, 0) << path << " " << names + at;
    xattrs[names + at].assign(value, std::max<ssize_t>(length, 0));
  }
  return xattrs;
}

// A folder as the kernel shows it, as entries.
class Walk {
 public:
  explicit Walk(std::string root) : root_(std::move(root)) { Visit(""); }
  std::vector<TestFile> files;

 private:
  void Visit(const std::string& path) {
    const std::string host = root_ + "/" + path;
    struct stat status;
    ASSERT_EQ(::lstat(host.c_str(), &status), 0) << host;
    TestFile file;
    Entry& entry = file.entry;
    entry.path = path;
    entry.type = TypeOfMode(status.st_mode).value();
    const bool has_names = entry.type != FileType::kDirectory && status.st_nlink > 1;
    if (has_names && first_names_.contains(status.st_ino)) {
      entry.hard_link_to = first_names_[status.st_ino];
      files.push_back(file);
      return;
    }
    if (has_names) first_names_[status.st_ino] = path;
    entry.mode = status.st_mode & 07777;
    entry.uid = status.st_uid;
    entry.gid = status.st_gid;
    entry.mtime = {status.st_mtim.tv_sec, static_cast<uint32_t>(status.st_mtim.tv_nsec)};
    entry.xattrs = XattrsOf(host);
    if (entry.type == FileType::kCharDevice || entry.type == FileType::kBlockDevice) {
      entry.rdev_major = major(status.st_rdev);
      entry.rdev_minor = minor(status.st_rdev);
    } else if (entry.type == FileType::kSymlink) {
      entry.symlink_target = std::filesystem::read_symlink(host).string();
    } else if (entry.type == FileType::kRegular) {
      entry.size = status.st_size;
      if (entry.size > 0) file.blocks = {{0, ReadWhole(host)}};
    }
    files.push_back(file);
    if (entry.type != FileType::kDirectory) return;
    for (const auto& child : std::filesystem::directory_iterator(host)) {
      const std::string name = child.path().filename().string();
      if (path.empty() && name == "lost+found") continue;
      Visit(path.empty() ? name : path + "/" + name);
    }
  }

  const std::string root_;
  std::map<ino_t, std::string> first_names_;
};

std::string DigestOfFiles(std::vector<TestFile> files) {
  TestSource source(std::move(files));
  const absl::StatusOr<TreeDigest> digest = DigestOf(source, {});
  return digest.ok() ? digest->ToString() : digest.status().ToString();
}

// A mounted image; unmounted at the latest at its end.
class Mount {
 public:
  Mount(const std::string& image, const std::string& where) : where_(where) {
    ::mkdir(where.c_str(), 0700);
    const absl::StatusOr<ToolResult> result = RunTool("mount", {"-o", "loop", image, where});
    mounted_ = result.ok() && result->exit_code == 0;
    if (result.ok() && !mounted_) message_ = result->output;
  }
  Mount(const Mount&) = delete;
  Mount& operator=(const Mount&) = delete;
  ~Mount() {
    if (mounted_) Unmount();
  }
  bool mounted() const { return mounted_; }
  const std::string& message() const { return message_; }
  void Unmount() {
    mounted_ = false;
    EXPECT_EQ(::umount(where_.c_str()), 0);
  }

 private:
  std::string where_;
  bool mounted_ = false;
  std::string message_;
};

class Ext4Kernel : public ::testing::Test {
 protected:
  // A mount namespace of its own: a program that made itself one meanwhile would hold a copy of the mount, and the
  // kernel would not have written everything to the image at the unmount here.
  static void SetUpTestSuite() {
    if (::geteuid() != 0) return;
    ASSERT_EQ(::unshare(CLONE_NEWNS), 0);
    ASSERT_EQ(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr), 0);
  }
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "mounting takes root";
    Mount probe(MakeProbe(), folder_ / "probe");
    if (!probe.mounted()) GTEST_SKIP() << "no loop mounts here: " << probe.message();
  }
  std::string MakeProbe() {
    const std::string image = folder_ / "probe.img";
    EXPECT_EQ(WriteImage(image, {Folder("")}).status(), absl::OkStatus());
    return image;
  }
  TemporaryFolder folder_;
};

TEST_F(Ext4Kernel, SeesWhatWeWrote) {
  const std::string image = folder_ / "image";
  ASSERT_EQ(WriteImage(image, SampleTree()).status(), absl::OkStatus());
  const std::string where = folder_ / "mnt";
  {
    Mount mount(image, where);
    ASSERT_TRUE(mount.mounted()) << mount.message();
    EXPECT_EQ(DigestOfFiles(Walk(where).files), DigestOfFiles(SampleTree()));
    const auto acl = RunTool("getfacl", {"--omit-header", "--absolute-names", "--numeric", where + "/with-acl"});
    ASSERT_TRUE(acl.ok()) << acl.status();
    EXPECT_THAT(acl->output, HasSubstr("user:1000:r--"));
    const auto capability = RunTool("getcap", {where + "/usr-ping"});
    ASSERT_TRUE(capability.ok()) << capability.status();
    EXPECT_THAT(capability->output, HasSubstr("cap_net_raw=ep"));
    struct stat sparse;
    ASSERT_EQ(::stat((where + "/sparse").c_str(), &sparse), 0);
    EXPECT_LE(sparse.st_blocks * 512, 16384);
  }
  EXPECT_EQ(CheckExt4(image), absl::OkStatus());
}

TEST_F(Ext4Kernel, FindsEveryNameOfALargeFolder) {
  std::vector<TestFile> files = {Folder("many"), File("many/first", "1")};
  for (int i = 0; i < 30'000; ++i) {
    // With bytes over 127, which hash as signed or unsigned.
    files.push_back(HardLink("many/n\xc3\xa9m-" + std::to_string(i) + std::string(i % 50, 'x'), "many/first"));
  }
  for (int i = 0; i < 100'000; ++i) files.push_back(Symlink("many/link-" + std::to_string(i), "x"));
  const std::string image = folder_ / "image";
  ASSERT_EQ(WriteDirectly(image, files, {.size = int64_t{4} << 30}), absl::OkStatus());
  Mount mount(image, folder_ / "mnt");
  ASSERT_TRUE(mount.mounted()) << mount.message();
  for (const TestFile& file : files) {
    struct stat status;
    ASSERT_EQ(::lstat((folder_ / ("mnt/" + file.entry.path)).c_str(), &status), 0) << file.entry.path;
  }
  // Names added and removed by the kernel split and join our blocks.
  for (int i = 0; i < 20'000; ++i) std::ofstream(folder_ / ("mnt/many/new-" + std::to_string(i)));
  for (int i = 0; i < 100'000; i += 3)
    ASSERT_EQ(::unlink((folder_ / ("mnt/many/link-" + std::to_string(i))).c_str()), 0);
  mount.Unmount();
  EXPECT_EQ(CheckExt4(image), absl::OkStatus());
  const absl::StatusOr<std::vector<TestFile>> read = ReadImage(image);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->size(), files.size() + 1 + 20'000 - 33'334);
}

TEST_F(Ext4Kernel, ReadsAHundredThousandExtentsAndLengthsBeyondItsOwnPaths) {
  TestFile comb = {{.path = "comb", .mode = 0644, .size = int64_t{100'000} * 8192}, {}};
  for (int64_t i = 0; i < 100'000; ++i) comb.blocks.emplace_back(i * 8192 + i % 4000, std::to_string(1'000'000 + i));
  TestFile sparse = {{.path = "sparse", .mode = 0644, .size = int64_t{9} << 30}, {}};
  sparse.blocks = {{(int64_t{8} << 30) + 7, "beyond"}};
  TestFile times = File("times", "t");
  times.entry.atime = Timestamp{1'000'000'001, 1};
  times.entry.ctime = Timestamp{1'000'000'002, 2};
  times.entry.birth = Timestamp{1'000'000'003, 3};
  // The largest that fit behind an inode and in the block beside it.
  TestFile attributes = File("attributes", "a");
  attributes.entry.xattrs["user.large"] = std::string(4000, 'v');
  std::vector<TestFile> files = {comb, sparse, times, attributes};
  const std::string component(250, 'd');
  std::string deep = component;
  for (int i = 0; i < 40; ++i, deep += "/" + component) files.push_back(Folder(deep));
  files.push_back(File(deep, "bottom"));
  const std::string image = folder_ / "image";
  ASSERT_EQ(WriteDirectly(image, files, {.size = int64_t{1} << 30}), absl::OkStatus());
  EXPECT_EQ(CheckExt4(image), absl::OkStatus());
  const std::string where = folder_ / "mnt";
  Mount mount(image, where);
  ASSERT_TRUE(mount.mounted()) << mount.message();

  const int fd = ::open((where + "/comb").c_str(), O_RDONLY | O_CLOEXEC);
  for (const auto& [offset, bytes] : comb.blocks) {
    char read[8] = {};
    ASSERT_EQ(::pread(fd, read, 7, offset), 7);
    ASSERT_EQ(read, bytes);
  }
  ::close(fd);
  const int beyond = ::open((where + "/sparse").c_str(), O_RDONLY | O_CLOEXEC);
  EXPECT_EQ(::lseek(beyond, 0, SEEK_DATA), int64_t{8} << 30);
  char read[7] = {};
  EXPECT_EQ(::pread(beyond, read, 6, (int64_t{8} << 30) + 7), 6);
  EXPECT_STREQ(read, "beyond");
  ::close(beyond);
  struct statx status;
  ASSERT_EQ(::statx(AT_FDCWD, (where + "/times").c_str(), 0, STATX_ALL, &status), 0);
  EXPECT_EQ(status.stx_atime.tv_sec, 1'000'000'001);
  EXPECT_EQ(status.stx_ctime.tv_nsec, 2u);
  EXPECT_EQ(status.stx_btime.tv_sec, 1'000'000'003);
  EXPECT_EQ(XattrsOf(where + "/attributes"), attributes.entry.xattrs);
  // Its whole path is longer than the kernel takes at once.
  int folder = ::open(where.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  for (int i = 0; i < 40; ++i) {
    const int next = ::openat(folder, component.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ASSERT_GE(next, 0);
    ::close(folder);
    folder = next;
  }
  EXPECT_EQ(::faccessat(folder, component.c_str(), R_OK, 0), 0);
  ::close(folder);
}

// Changes of all kinds, as a distro makes them.
void ChangeAsAGuest(const std::string& root) {
  std::filesystem::create_directories(root + "/new/a/b/c");
  std::ofstream(root + "/new/a/file") << std::string(3'000'000, 'n');
  std::ofstream(root + "/etc/hostname", std::ios::app) << "changed\n";
  std::filesystem::rename(root + "/one-block", root + "/new/moved");
  std::filesystem::remove(root + "/large");
  std::filesystem::create_hard_link(root + "/new/moved", root + "/new/a/again");
  std::filesystem::create_symlink(std::string(500, 'k'), root + "/new/slow-link");
  ASSERT_EQ(::mknod((root + "/new/device").c_str(), S_IFCHR | 0600, makedev(300, 70'000)), 0);
  ASSERT_EQ(::mkfifo((root + "/new/fifo").c_str(), 0640), 0);
  for (int i = 0; i < 5'000; ++i) std::ofstream(root + "/names/kernel-" + std::to_string(i)) << i;

  const std::string attributes = root + "/new/attributes";
  std::ofstream(attributes) << "a";
  const std::string acl = SampleAcl();
  ASSERT_EQ(::setxattr(attributes.c_str(), "system.posix_acl_access", acl.data(), acl.size(), 0), 0);
  const std::string capability = SampleCapability();
  ASSERT_EQ(::setxattr(attributes.c_str(), "security.capability", capability.data(), capability.size(), 0), 0);
  const std::string large(3000, 'v');
  ASSERT_EQ(::setxattr(attributes.c_str(), "user.large", large.data(), large.size(), 0), 0);
  ASSERT_EQ(::removexattr((root + "/with-many-xattrs").c_str(), "user.long"), 0);

  // Preallocated and not written: zeros. And a hole made in the middle of content.
  const int fd = ::open((root + "/new/preallocated").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  ASSERT_EQ(::fallocate(fd, 0, 0, 4 << 20), 0);
  ASSERT_EQ(::pwrite(fd, "middle", 6, 2 << 20), 6);
  ASSERT_EQ(::fallocate(fd, FALLOC_FL_KEEP_SIZE, 4 << 20, 4 << 20), 0);
  ::close(fd);
  const int holes = ::open((root + "/new/holes").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  for (int i = 0; i < 2000; ++i) ASSERT_EQ(::pwrite(holes, "x", 1, i * 12'288), 1);
  ASSERT_EQ(::ftruncate(holes, 30'000'001), 0);
  ::close(holes);
}

TEST_F(Ext4Kernel, WhatItWroteIsReadBack) {
  const std::string image = folder_ / "image";
  ASSERT_EQ(WriteImage(image, SampleTree()).status(), absl::OkStatus());
  Mount mount(image, folder_ / "mnt");
  ASSERT_TRUE(mount.mounted()) << mount.message();
  ChangeAsAGuest(folder_ / "mnt");
  const std::string seen = DigestOfFiles(Walk(folder_ / "mnt").files);
  mount.Unmount();
  EXPECT_EQ(ImageDigest(image).value_or("none"), seen);
  const absl::StatusOr<std::vector<TestFile>> read = ReadImage(image);
  ASSERT_TRUE(read.ok()) << read.status();
  size_t bytes = 0;
  for (const auto& block : Find(*read, "new/preallocated").blocks) bytes += block.second.size();
  EXPECT_EQ(bytes, 4096u);
}

TEST_F(Ext4Kernel, WhatIsOnlyInItsJournalIsReadBackToo) {
  const std::string image = folder_ / "image";
  ASSERT_EQ(WriteImage(image, SampleTree()).status(), absl::OkStatus());
  Mount mount(image, folder_ / "mnt");
  ASSERT_TRUE(mount.mounted()) << mount.message();
  ChangeAsAGuest(folder_ / "mnt");
  const std::string seen = DigestOfFiles(Walk(folder_ / "mnt").files);
  // As after a power cut right behind a sync: everything is committed, much only to the journal.
  const int root = ::open((folder_ / "mnt").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  ASSERT_EQ(::syncfs(root), 0);
  ::close(root);
  const std::string cut = folder_ / "cut";
  ASSERT_EQ(RunTool("cp", {"--sparse=always", image, cut})->exit_code, 0);
  mount.Unmount();
  EXPECT_EQ(ImageDigest(cut).value_or("none"), seen);
  EXPECT_EQ(CheckExt4(cut), absl::OkStatus());
}

TEST_F(Ext4Kernel, MountsWhatWasResizedAndZeroesNothingInIt) {
  const std::string image = folder_ / "image";
  ASSERT_EQ(WriteImage(image, SampleTree()).status(), absl::OkStatus());
  for (const int64_t size : {int64_t{20} << 30, int64_t{100} << 20}) {
    ASSERT_EQ(ResizeExt4(image, size, {}), absl::OkStatus());
    Mount mount(image, folder_ / "mnt");
    ASSERT_TRUE(mount.mounted()) << mount.message();
    EXPECT_EQ(DigestOfFiles(Walk(folder_ / "mnt").files), DigestOfFiles(SampleTree()));
    // The kernel's lazy initialisation begins within seconds where it has work to do.
    ::sleep(3);
    struct stat status;
    ASSERT_EQ(::stat(image.c_str(), &status), 0);
    EXPECT_LT(status.st_blocks * 512, 64 << 20);
  }
  EXPECT_EQ(CheckExt4(image), absl::OkStatus());
}

TEST_F(Ext4Kernel, SeesARealDistroAsTarUnpacksIt) {
  const char* archive = std::getenv("WSLM_TEST_ROOT");
  if (archive == nullptr) GTEST_SKIP() << "WSLM_TEST_ROOT names no archive of a distro";
  const std::string unpacked = folder_ / "unpacked";
  ASSERT_EQ(::mkdir(unpacked.c_str(), 0755), 0);
  const auto tar =
      RunTool("tar", {"--numeric-owner", "--xattrs", "--xattrs-include=*", "-xpf", archive, "-C", unpacked});
  ASSERT_TRUE(tar.ok() && tar->exit_code == 0) << tar->output;
  const std::vector<TestFile> files = Walk(unpacked).files;
  const std::string image = folder_ / "image";
  const absl::StatusOr<TransferResult> result = WriteImage(image, files, {.size = int64_t{4} << 30});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(CheckExt4(image), absl::OkStatus());
  EXPECT_EQ(ImageDigest(image).value_or("none"), result->digest.ToString());
  Mount mount(image, folder_ / "mnt");
  ASSERT_TRUE(mount.mounted()) << mount.message();
  EXPECT_EQ(DigestOfFiles(Walk(folder_ / "mnt").files), result->digest.ToString());
}

TEST_F(Ext4Kernel, OtherKindsOfImagesAreReadToo) {
  const struct {
    const char* name;
    std::vector<std::string> options;
  } kinds[] = {{"ext2", {"-t", "ext2", "-b", "1024", "-I", "128"}},
               {"ext3", {"-t", "ext3", "-I", "128"}},
               {"inline", {"-t", "ext4", "-O", "inline_data", "-I", "512"}},
               {"ea", {"-t", "ext4", "-O", "ea_inode,orphan_file"}}};
  for (const auto& kind : kinds) {
    SCOPED_TRACE(kind.name);
    const std::string image = folder_ / kind.name;
    std::ofstream(image).close();
    std::filesystem::resize_file(image, 128 << 20);
    std::vector<std::string> arguments = {"-q", "-F"};
    arguments.insert(arguments.end(), kind.options.begin(), kind.options.end());
    arguments.push_back(image);
    const auto made = RunTool("mke2fs", arguments);
    ASSERT_TRUE(made.ok() && made->exit_code == 0) << made->output;
    const std::string where = folder_ / "mnt";
    Mount mount(image, where);
    if (!mount.mounted()) continue;  // this kernel does not have the feature
    std::filesystem::create_directories(where + "/d/e");
    std::ofstream(where + "/small") << "small";
    std::ofstream(where + "/d/large") << std::string(20'000'000, 'l');
    std::filesystem::create_symlink(std::string(100, 's'), where + "/link");
    for (int i = 0; i < 500; ++i) std::ofstream(where + "/d/e/" + std::to_string(i)) << std::string(i, 'c');
    const int fd = ::open((where + "/holes").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    for (int i = 0; i < 300; ++i) ASSERT_EQ(::pwrite(fd, "x", 1, i * 50'000), 1);
    ::close(fd);
    ::setxattr((where + "/small").c_str(), "user.a", "value", 5, 0);
    const std::string large(30'000, 'v');
    ::setxattr((where + "/small").c_str(), "user.large", large.data(), large.size(), 0);
    const std::string seen = DigestOfFiles(Walk(where).files);
    mount.Unmount();
    EXPECT_EQ(ImageDigest(image).value_or("none"), seen);
  }
}

}  // namespace
}  // namespace wslm
