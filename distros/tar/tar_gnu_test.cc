// Archives of ours against GNU tar, and its against ours: what it packs we read, what we write it unpacks the same.
#include <fcntl.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "distros/host/files.h"
#include "distros/host/test_folder.h"
#include "distros/tar/tar_sink.h"
#include "distros/tar/tar_source.h"
#include "distros/tree/test_tree.h"
#include "distros/tree/transfer.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace wslm {
namespace {

bool RunProgram(std::vector<std::string> words) {
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  pid_t child = 0;
  int status = -1;
  return ::posix_spawnp(&child, arguments[0], nullptr, nullptr, arguments.data(), environ) == 0 &&
         ::waitpid(child, &status, 0) == child && status == 0;
}

bool HasProgram(const std::string& name) { return RunProgram({"sh", "-c", "command -v " + name + " >/dev/null"}); }

bool Pack(const std::string& folder, const std::string& archive, const std::vector<std::string>& options) {
  std::vector<std::string> words = {"tar", "-C", folder, "--xattrs", "--xattrs-include=*", "--numeric-owner"};
  words.insert(words.end(), options.begin(), options.end());
  words.insert(words.end(), {"-cf", archive, "."});
  return RunProgram(std::move(words));
}

TreeDigest DigestOfTar(const std::string& archive) {
  absl::StatusOr<std::unique_ptr<Source>> source =
      OpenTarSource(FdByteSource(*OpenFile(archive, O_RDONLY), archive), archive);
  EXPECT_TRUE(source.ok()) << source.status();
  if (!source.ok()) return {};
  const absl::StatusOr<TreeDigest> digest = DigestOf(**source, {});
  EXPECT_TRUE(digest.ok()) << digest.status();
  return digest.ok() ? *digest : TreeDigest();
}

void MakeFile(const std::string& path, const std::string& content, mode_t mode = 0644) {
  ASSERT_TRUE(WriteFileAtomically(path, content, mode).ok()) << path;
}

// A tree of all that tar can hold and this user can make.
void MakeTree(const std::string& root) {
  ASSERT_TRUE(MakeFolders(root + "/d/sticky", 0755).ok());
  MakeFile(root + "/d/plain", "content");
  MakeFile(root + "/d/set-id", "x", 06755);
  MakeFile(root + "/d/empty", "", 0400);
  MakeFile(root + "/\xFF\xFE not utf8", "x");
  MakeFile(root + "/d/\xC3\xA4\n", "x");
  ASSERT_EQ(::link((root + "/d/plain").c_str(), (root + "/hard").c_str()), 0);
  ASSERT_EQ(::symlink("d/plain", (root + "/link").c_str()), 0);
  ASSERT_EQ(::symlink(std::string(1500, 't').c_str(), (root + "/long link").c_str()), 0);
  ASSERT_EQ(::mkfifo((root + "/fifo").c_str(), 0640), 0);
  ASSERT_EQ(::chmod((root + "/d/sticky").c_str(), 01777), 0);
  const std::string deep = root + "/" + std::string(150, 'a') + "/" + std::string(150, 'b');
  ASSERT_TRUE(MakeFolders(deep, 0755).ok());
  MakeFile(deep + "/" + std::string(255, 'c'), "x");
  {
    const UniqueFd sparse(::open((root + "/sparse").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
    ASSERT_EQ(::pwrite(sparse.get(), "middle", 6, 30 << 20), 6);
    ASSERT_EQ(::ftruncate(sparse.get(), 64 << 20), 0);
    const UniqueFd hole(::open((root + "/hole").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
    ASSERT_EQ(::ftruncate(hole.get(), 8 << 20), 0);
  }
  ASSERT_EQ(::setxattr((root + "/d/plain").c_str(), "user.note", "\0\xFF=\n", 4, 0), 0);
  const timespec times[2] = {{0, UTIME_OMIT}, {1'600'000'000, 123'456'789}};
  ASSERT_EQ(::utimensat(AT_FDCWD, (root + "/d/plain").c_str(), times, 0), 0);
  const timespec early[2] = {{0, UTIME_OMIT}, {-2, 250'000'000}};
  ASSERT_EQ(::utimensat(AT_FDCWD, (root + "/d/empty").c_str(), early, 0), 0);
  if (::geteuid() != 0) return;
  ASSERT_EQ(::mknod((root + "/d/null").c_str(), S_IFCHR | 0666, makedev(1, 3)), 0);
  ASSERT_EQ(::mknod((root + "/d/disk").c_str(), S_IFBLK | 0660, makedev(259, 70000)), 0);
  ASSERT_EQ(::lchown((root + "/link").c_str(), 1, 2), 0);
  ASSERT_EQ(::chown((root + "/d/empty").c_str(), 3'000'000, 4294967294), 0);
  ASSERT_EQ(::setxattr((root + "/d/set-id").c_str(), "security.capability",
                       "\x01\0\0\x02\0\x20\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 20, 0),
            0);
  ASSERT_EQ(::setxattr((root + "/d/plain").c_str(), "trusted.t", "x", 1, 0), 0);
  ASSERT_TRUE(RunProgram({"setfacl", "-m", "u:1234:rw,g:5678:r", root + "/d/plain"}));
  ASSERT_TRUE(RunProgram({"setfacl", "-d", "-m", "u:99:rwx", root + "/d/sticky"}));
}

class GnuTarTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!RunProgram({"sh", "-c", "tar --version >/dev/null && setfacl --version >/dev/null"})) {
      GTEST_SKIP() << "needs GNU tar and setfacl";
    }
    ASSERT_TRUE(MakeFolders(folder_ / "tree").ok());
    MakeTree(folder_ / "tree");
  }
  const TestFolder folder_;
};

TEST_F(GnuTarTest, UnpacksWhatWeWriteToTheSameTree) {
  ASSERT_TRUE(Pack(folder_ / "tree", folder_ / "1.tar", {"--format=posix", "--sparse"}));
  for (const char* name : {"2.tar", "2.tar.gz", "2.tar.zst", "2.tar.bz2", "2.tar.lz4"}) {
    const std::string copy = folder_ / name;
    if (copy.ends_with(".lz4") && !HasProgram("lz4")) continue;
    absl::StatusOr<std::unique_ptr<Source>> source =
        OpenTarSource(FdByteSource(*OpenFile(folder_ / "1.tar", O_RDONLY), "1.tar"), "1.tar");
    ASSERT_TRUE(source.ok()) << source.status();
    absl::StatusOr<std::unique_ptr<Sink>> sink =
        OpenTarSink(FdByteSink(*OpenFile(copy, O_WRONLY | O_CREAT), copy), *TarCompressionOfName(copy));
    ASSERT_TRUE(sink.ok()) << sink.status();
    const absl::StatusOr<TransferResult> result = Transfer(**source, **sink, {});
    ASSERT_TRUE(result.ok()) << result.status();
    EXPECT_EQ(result->losses.size(), 0u);
    EXPECT_EQ(result->warnings.size(), 0u);
    ASSERT_TRUE(MakeFolders(folder_ / "unpacked").ok());
    std::vector<std::string> unpack = {"tar",  "-C", folder_ / "unpacked", "--xattrs", "--xattrs-include=*",
                                       "-xpf", copy};
    // It knows lz4 by no name.
    if (copy.ends_with(".lz4")) unpack.insert(unpack.end(), {"-I", "lz4"});
    ASSERT_TRUE(RunProgram(unpack));
    // Packed again by GNU tar: what differs between the trees shows.
    ASSERT_TRUE(Pack(folder_ / "unpacked", folder_ / "3.tar", {"--format=posix", "--sparse"}));
    EXPECT_EQ(DigestOfTar(folder_ / "3.tar"), result->digest) << name;
    struct stat st;
    ASSERT_EQ(::stat((folder_ / "unpacked/sparse").c_str(), &st), 0);
    EXPECT_LT(st.st_blocks * 512, 1 << 20);
    ASSERT_TRUE(RemoveTree(folder_ / "unpacked").ok());
  }
}

TEST_F(GnuTarTest, ItsDialectsAreReadTheSame) {
  ASSERT_TRUE(Pack(folder_ / "tree", folder_ / "posix.tar", {"--format=posix", "--mtime=@1000"}));
  const TreeDigest digest = DigestOfTar(folder_ / "posix.tar");
  EXPECT_GT(digest.entries, 15);
  for (const char* version : {"0.0", "0.1", "1.0"}) {
    ASSERT_TRUE(Pack(folder_ / "tree", folder_ / "sparse.tar",
                     {"--format=posix", "--mtime=@1000", "--sparse", std::string("--sparse-version=") + version}));
    EXPECT_EQ(DigestOfTar(folder_ / "sparse.tar"), digest) << version;
  }
  // Its older format has no xattrs: the same files without them, sparse or not.
  const auto pack_old = [&](const std::string& name, std::vector<std::string> options) {
    std::vector<std::string> words = {"tar", "-C", folder_ / "tree", "--mtime=@1000", "--numeric-owner"};
    words.insert(words.end(), options.begin(), options.end());
    words.insert(words.end(), {"-cf", folder_ / name, "."});
    return RunProgram(words);
  };
  ASSERT_TRUE(pack_old("posix.tar", {"--format=posix"}));
  ASSERT_TRUE(pack_old("gnu.tar", {"--format=gnu"}));
  ASSERT_TRUE(pack_old("gnu-sparse.tar", {"--format=gnu", "--sparse"}));
  EXPECT_EQ(DigestOfTar(folder_ / "gnu.tar"), DigestOfTar(folder_ / "posix.tar"));
  EXPECT_EQ(DigestOfTar(folder_ / "gnu-sparse.tar"), DigestOfTar(folder_ / "posix.tar"));
}

TEST_F(GnuTarTest, ItsOwnAclsAreTheXattrs) {
  ASSERT_TRUE(Pack(folder_ / "tree", folder_ / "xattrs.tar", {"--format=posix"}));
  ASSERT_TRUE(Pack(folder_ / "tree", folder_ / "acls.tar", {"--format=posix", "--acls", "--xattrs-exclude=system.*"}));
  EXPECT_EQ(DigestOfTar(folder_ / "acls.tar"), DigestOfTar(folder_ / "xattrs.tar"));
}

TEST_F(GnuTarTest, ItsCompressorsAreRead) {
  ASSERT_TRUE(Pack(folder_ / "tree", folder_ / "plain.tar", {"--format=posix"}));
  const TreeDigest digest = DigestOfTar(folder_ / "plain.tar");
  for (const char* program : {"gzip", "xz", "zstd", "bzip2", "lz4"}) {
    if (!HasProgram(program)) continue;
    ASSERT_TRUE(Pack(folder_ / "tree", folder_ / "packed", {"--format=posix", "-I", program}));
    EXPECT_EQ(DigestOfTar(folder_ / "packed"), digest) << program;
  }
}

// The names as the bytes that they are, from whoever packed them and to whoever unpacks.
TEST_F(GnuTarTest, NamesKeepTheirUnicodeForm) {
  const std::string root = folder_ / "names";
  ASSERT_TRUE(MakeFolders(root).ok());
  const std::vector<std::string> names = {"\xC3\xA4", "a\xCC\x88",    "\xE2\x84\xAA", "K",
                                          "\xFF\xFE", "\xE2\x84\xAB", "\xC3\x85"};
  std::vector<std::string> expected = {""};
  for (const std::string& name : names) {
    MakeFile(root + "/" + name, name);
    ASSERT_EQ(::link((root + "/" + name).c_str(), (root + "/hard-" + name).c_str()), 0);
    ASSERT_EQ(::symlink(name.c_str(), (root + "/soft-" + name).c_str()), 0);
    for (const char* prefix : {"", "hard-", "soft-"}) expected.push_back(prefix + name);
  }
  const std::string python =
      "import os, sys, tarfile\n"
      "with tarfile.open(sys.argv[1], 'w', format=getattr(tarfile, sys.argv[3])) as tar: tar.add(sys.argv[2], '.')\n";
  std::vector<std::string> archives;
  for (const char* format : {"posix", "gnu", "ustar"}) {
    archives.push_back(folder_ / (std::string(format) + ".tar"));
    ASSERT_TRUE(Pack(root, archives.back(), {std::string("--format=") + format, "--no-xattrs"}));
  }
  for (const char* format : {"PAX_FORMAT", "GNU_FORMAT", "USTAR_FORMAT"}) {
    archives.push_back(folder_ / (std::string(format) + ".tar"));
    ASSERT_TRUE(RunProgram({"python3", "-c", python, archives.back(), root, format}));
  }
  for (const std::string& archive : archives) {
    absl::StatusOr<std::unique_ptr<Source>> source =
        OpenTarSource(FdByteSource(*OpenFile(archive, O_RDONLY), archive), archive);
    ASSERT_TRUE(source.ok()) << source.status();
    TestSink sink;
    const absl::StatusOr<TransferResult> result = Transfer(**source, sink, {});
    ASSERT_TRUE(result.ok()) << archive << ": " << result.status();
    EXPECT_THAT(result->warnings, testing::IsEmpty()) << archive;
    std::vector<std::string> found;
    for (const TestFile& file : sink.files) {
      found.push_back(file.entry.path);
      // Whichever name of a file comes first, its others lead to just that.
      const std::string name = file.entry.path.substr(file.entry.path.find('-') + 1);
      if (file.entry.is_hard_link()) {
        EXPECT_THAT(file.entry.hard_link_to, testing::AnyOf(name, "hard-" + name)) << archive;
      } else if (file.entry.type == FileType::kSymlink) {
        EXPECT_EQ(file.entry.symlink_target, name) << archive;
      } else if (file.entry.type == FileType::kRegular) {
        EXPECT_EQ(file.entry.size, static_cast<int64_t>(name.size())) << archive;
      }
    }
    EXPECT_THAT(found, testing::UnorderedElementsAreArray(expected)) << archive;

    const std::string copy = archive + ".copy";
    source = OpenTarSource(FdByteSource(*OpenFile(archive, O_RDONLY), archive), archive);
    absl::StatusOr<std::unique_ptr<Sink>> written =
        OpenTarSink(FdByteSink(*OpenFile(copy, O_WRONLY | O_CREAT), copy), TarCompression::kNone);
    ASSERT_TRUE(Transfer(**source, **written, {}).ok());
    EXPECT_EQ(DigestOfTar(copy), result->digest) << archive;
    const std::string unpacked = folder_ / "unpacked";
    ASSERT_TRUE(MakeFolders(unpacked).ok());
    ASSERT_TRUE(RunProgram({"tar", "-C", unpacked, "-xpf", copy}));
    EXPECT_TRUE(RunProgram({"diff", "-r", "--no-dereference", root, unpacked})) << archive;
    ASSERT_TRUE(RemoveTree(unpacked).ok());
  }
}

}  // namespace
}  // namespace wslm
