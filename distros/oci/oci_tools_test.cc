// Images of ours with tools that are not: skopeo reads and converts what we write, we read what it and umoci write, and
// crun runs a command in it. What needs a tool that is not there is skipped.
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "distros/host/test_folder.h"
#include "distros/oci/container_image.h"
#include "distros/oci/oci_sink.h"
#include "distros/oci/test_image.h"
#include "distros/tar/tar_source.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace wslm {
namespace {

using testing::HasSubstr;
using Json = nlohmann::json;

bool RunProgram(std::vector<std::string> words) {
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  pid_t child = 0;
  int status = -1;
  return ::posix_spawnp(&child, arguments[0], nullptr, nullptr, arguments.data(), environ) == 0 &&
         ::waitpid(child, &status, 0) == child && status == 0;
}

bool HasProgram(const std::string& program) {
  return RunProgram({"sh", "-c", "command -v " + program + " >/dev/null"});
}

TreeDigest DigestOfImage(const std::string& path, const std::string& scratch) {
  absl::StatusOr<OciImage> image = OpenOciSource(path, {.scratch = scratch});
  EXPECT_TRUE(image.ok()) << image.status();
  if (!image.ok()) return {};
  const absl::StatusOr<TreeDigest> digest = DigestOf(*image->source, {});
  EXPECT_TRUE(digest.ok()) << digest.status();
  return digest.ok() ? *digest : TreeDigest();
}

class OciToolsTest : public testing::Test {
 protected:
  std::vector<TestFile> Tree() {
    TestFile sparse{{.path = "sparse", .mode = 0644, .size = 64 << 20}, {{32 << 20, "middle"}}};
    sparse.entry.extents = {{{32 << 20, 6}}};
    TestFile attributed = File("etc/file", "content", 0640);
    attributed.entry.uid = 5;
    attributed.entry.gid = 6;
    attributed.entry.mtime = {1'600'000'000, 0};
    attributed.entry.xattrs = {{"user.note", "x"}};
    return {Folder(""),
            Folder("etc"),
            Folder("tmp", 01777),
            attributed,
            HardLink("etc/again", "etc/file"),
            Symlink("link", "etc/file"),
            sparse,
            File(std::string(200, 'n'), "x")};
  }
  TreeDigest Export(Source& source, std::unique_ptr<Sink> sink) {
    const absl::StatusOr<TransferResult> result = Transfer(source, *sink, {});
    EXPECT_TRUE(result.ok()) << result.status();
    return result.ok() ? result->digest : TreeDigest();
  }
  std::unique_ptr<Sink> ArchiveSink(const std::string& path, const OciExport& options) {
    return *CreateOciArchiveSink(FdByteSink(*OpenFile(path, O_WRONLY | O_CREAT), path), folder_.path(), options);
  }
  bool Skopeo(const std::string& from, const std::string& to) {
    return RunProgram({"skopeo", "--insecure-policy", "copy", "-q", from, to});
  }

  const TestFolder folder_;
};

TEST_F(OciToolsTest, SkopeoConvertsOursToAllOtherFormsAndWeReadThem) {
  if (!HasProgram("skopeo")) GTEST_SKIP() << "needs skopeo";
  for (const auto compression : {LayerCompression::kNone, LayerCompression::kGzip, LayerCompression::kZstd}) {
    const std::string name = std::to_string(static_cast<int>(compression));
    TestSource source(Tree());
    const std::string archive = folder_ / (name + ".tar");
    const TreeDigest digest =
        Export(source, ArchiveSink(archive, {.ref_name = "wslm:test", .compression = compression}));
    if (compression == LayerCompression::kZstd) {
      // It knows no such Docker images.
      ASSERT_TRUE(Skopeo("oci-archive:" + archive, "oci:" + folder_ / (name + ".oci")));
      EXPECT_EQ(DigestOfImage(folder_ / (name + ".oci"), folder_.path()), digest);
      continue;
    }
    for (const std::string& to : {"docker-archive:" + folder_ / (name + ".docker.tar"),
                                  "oci-archive:" + folder_ / (name + ".oci.tar"), "oci:" + folder_ / (name + ".oci")}) {
      ASSERT_TRUE(Skopeo("oci-archive:" + archive, to)) << to;
      const std::string path = to.substr(to.find(':') + 1);
      EXPECT_TRUE(LooksLikeContainerImage(path)) << to;
      EXPECT_EQ(DigestOfImage(path, folder_.path()), digest) << to;
    }
    // The way that 'docker load' takes it.
    EXPECT_TRUE(Skopeo("docker-archive:" + archive, "oci:" + folder_ / (name + ".loaded")));
    EXPECT_EQ(DigestOfImage(folder_ / (name + ".loaded"), folder_.path()), digest);
    // And as the folder that is pushed.
    TestSource again(Tree());
    Export(again, *CreateOciSink(folder_ / (name + ".folder"), {.compression = compression}));
    EXPECT_TRUE(Skopeo("oci:" + folder_ / (name + ".folder"), "oci:" + folder_ / (name + ".copy")));
  }
}

TEST_F(OciToolsTest, WhatUmociChangesInALayerWeSee) {
  if (!HasProgram("umoci")) GTEST_SKIP() << "needs umoci";
  if (::geteuid() != 0) GTEST_SKIP() << "needs root: it makes files of others";
  TestSource source(Tree());
  Export(source, *CreateOciSink(folder_ / "image", {.ref_name = "base"}));
  ASSERT_TRUE(RunProgram({"umoci", "unpack", "--image", folder_ / "image:base", folder_ / "bundle"}));
  const std::string root = folder_ / "bundle/rootfs";
  EXPECT_EQ(*ReadSmallFile(root + "/etc/again"), "content");
  ASSERT_TRUE(RunProgram(
      {"sh", "-ec",
       "cd \"$1\"; rm etc/file; rm -r tmp; echo new > tmp; mkdir d; echo x > d/y; ln d/y d/z; rm link; mkdir link",
       "sh", root}));
  ASSERT_TRUE(RunProgram({"umoci", "repack", "--image", folder_ / "image:new", folder_ / "bundle"}));
  const absl::StatusOr<wslm::Tree> tree = ReadImage(folder_ / "image", {.ref_name = "new"});
  ASSERT_TRUE(tree.ok()) << tree.status();
  EXPECT_EQ(tree->count("etc/file"), 0u);
  EXPECT_EQ(tree->at("etc/again"), "content");
  EXPECT_EQ(tree->at("tmp"), "new\n");
  EXPECT_EQ(tree->at("link"), "dir 755");
  EXPECT_THAT(tree->at("d/y") + tree->at("d/z"), HasSubstr("x\n"));
  EXPECT_EQ(ReadImage(folder_ / "image", {.ref_name = "base"})->at("link"), "-> etc/file");
}

// The Debian root that the tests of distros use.
TEST_F(OciToolsTest, CrunRunsACommandInADebianOfOurs) {
  const char* root = ::getenv("WSLM_TEST_ROOT");
  if (root == nullptr || !PathExists(root)) GTEST_SKIP() << "needs a Debian root as a tar in WSLM_TEST_ROOT";
  if (!HasProgram("umoci") || !HasProgram("crun")) GTEST_SKIP() << "needs umoci and crun";
  if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  absl::StatusOr<std::unique_ptr<Source>> source = OpenTarSource(FdByteSource(*OpenFile(root, O_RDONLY), root), root);
  ASSERT_TRUE(source.ok()) << source.status();
  const TreeDigest digest = Export(
      **source, *CreateOciSink(folder_ / "image", {.env = {"PATH=/usr/bin:/bin", "GREETING=hello"},
                                                   .working_dir = "/etc",
                                                   .entrypoint = {"/bin/sh", "-c"},
                                                   .cmd = {"echo $GREETING; pwd; . ./os-release; echo $ID; id -u"},
                                                   .ref_name = "debian"}));
  EXPECT_EQ(DigestOfImage(folder_ / "image", folder_.path()), digest);
  const std::string bundle = folder_ / "bundle";
  ASSERT_TRUE(RunProgram({"umoci", "unpack", "--image", folder_ / "image:debian", bundle}));
  // The machine's network and control groups are none of the test's affair.
  Json config = Json::parse(*ReadSmallFile(bundle + "/config.json"));
  config["process"]["terminal"] = false;
  config["linux"].erase("resources");
  config["linux"].erase("seccomp");
  Json mounts = Json::array();
  for (const Json& mount : config["mounts"]) {
    if (mount["type"] != "cgroup" && mount["type"] != "mqueue") mounts.push_back(mount);
  }
  config["mounts"] = mounts;
  ASSERT_TRUE(WriteFileAtomically(bundle + "/config.json", config.dump()).ok());
  const std::string id = "wslm-test-" + std::to_string(::getpid());
  // crun refuses control groups of both versions side by side, though it is to use none.
  EXPECT_TRUE(RunProgram({"unshare", "-m", "sh", "-c",
                          "umount /sys/fs/cgroup/unified 2>/dev/null; exec crun --cgroup-manager=disabled "
                          "--root \"$1/state\" run --bundle \"$1\" \"$2\" >\"$1/output\" 2>&1 </dev/null",
                          "sh", bundle, id}))
      << *ReadSmallFile(bundle + "/output");
  EXPECT_EQ(*ReadSmallFile(bundle + "/output"), "hello\n/etc\ndebian\n0\n");
}

}  // namespace
}  // namespace wslm
