#include "distros/oci/oci_sink.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "distros/host/error.h"
#include "distros/host/test_folder.h"
#include "distros/oci/container_image.h"
#include "distros/oci/test_image.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace wslm {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using Json = nlohmann::json;

std::vector<TestFile> Everything() {
  TestFile sparse{{.path = "sparse", .mode = 0644, .size = int64_t{1} << 30}, {{int64_t{1} << 29, "middle"}}};
  sparse.entry.extents = {{{int64_t{1} << 29, 6}}};
  TestFile capable = File("bin/capable", "ELF", 04755);
  capable.entry.uid = 3'000'000;
  capable.entry.gid = 4294967294;
  capable.entry.mtime = {1'600'000'000, 987'654'321};
  capable.entry.xattrs = {{"user.note", std::string("\0\xFF", 2)},
                          {"security.capability", std::string("\x01\0\0\x02 \0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 20)}};
  TestFile null{{.path = "dev/null", .type = FileType::kCharDevice, .mode = 0666, .rdev_major = 1, .rdev_minor = 3},
                {}};
  return {Folder("", 0755),
          Folder("bin"),
          Folder("dev"),
          Folder("tmp", 01777),
          capable,
          null,
          sparse,
          Symlink("link", "bin/capable"),
          HardLink("again", "bin/capable"),
          File("not utf8 \xFF", "x"),
          File(std::string(255, 'n'), "x"),
          File("large", std::string(3'000'000, 'x'))};
}

class OciSinkTest : public testing::Test {
 protected:
  // Into a folder, or into an archive when the name ends so.
  TransferResult Write(std::vector<TestFile> files, const std::string& to, const OciExport& options) {
    absl::StatusOr<std::unique_ptr<Sink>> sink =
        to.ends_with(".tar")
            ? CreateOciArchiveSink(FdByteSink(*OpenFile(to, O_WRONLY | O_CREAT), to), folder_.path(), options)
            : CreateOciSink(to, options);
    EXPECT_TRUE(sink.ok()) << sink.status();
    if (!sink.ok()) return {};
    TestSource source(std::move(files));
    absl::StatusOr<TransferResult> result = Transfer(source, **sink, {});
    EXPECT_TRUE(result.ok()) << result.status();
    return result.ok() ? *result : TransferResult();
  }
  TreeDigest Read(const std::string& from) {
    absl::StatusOr<OciImage> image = OpenOciSource(from, {.scratch = folder_.path()});
    EXPECT_TRUE(image.ok()) << image.status();
    if (!image.ok()) return {};
    config_ = image->config;
    return *DigestOf(*image->source, {});
  }
  const TestFolder folder_;
  ImageConfig config_;
};

TEST_F(OciSinkTest, WhatIsWrittenIsReadBackTheSame) {
  int count = 0;
  for (const auto compression : {LayerCompression::kNone, LayerCompression::kGzip, LayerCompression::kZstd}) {
    for (const char* end : {"", ".tar"}) {
      const std::string path = folder_ / (std::to_string(++count) + end);
      const TransferResult written = Write(Everything(), path, {.compression = compression});
      EXPECT_THAT(written.losses, IsEmpty());
      EXPECT_EQ(Read(path), written.digest) << path;
      EXPECT_TRUE(LooksLikeContainerImage(path));
    }
  }
}

TEST_F(OciSinkTest, TheConfigIsKept) {
  const OciExport options = {.env = {"PATH=/bin", "EMPTY="},
                             .user = "me:us",
                             .working_dir = "/home/me",
                             .entrypoint = {"/bin/sh", "-c"},
                             .cmd = {"echo \"\xC3\xA4\""},
                             .labels = {{"a.b", "c"}},
                             .exposed_ports = {"80/tcp"},
                             .stop_signal = "SIGINT",
                             .ref_name = "my/debian:12",
                             .created = "2024-01-02T03:04:05Z"};
  Write(Everything(), folder_ / "x.tar", options);
  Read(folder_ / "x.tar");
  EXPECT_EQ(config_.env, options.env);
  EXPECT_EQ(config_.user, options.user);
  EXPECT_EQ(config_.working_dir, options.working_dir);
  EXPECT_EQ(config_.entrypoint, options.entrypoint);
  EXPECT_EQ(config_.cmd, options.cmd);
  EXPECT_EQ(config_.labels, options.labels);
  EXPECT_EQ(config_.exposed_ports, options.exposed_ports);
  EXPECT_EQ(config_.stop_signal, options.stop_signal);
  EXPECT_EQ(config_.created, options.created);
  EXPECT_EQ(config_.ref_name, "docker.io/my/debian:12");
  EXPECT_TRUE(OpenOciSource(folder_ / "x.tar", {.ref_name = "my/debian:12"}).ok());
}

TEST_F(OciSinkTest, TheSameTreeGivesTheSameBytes) {
  for (const auto compression : {LayerCompression::kGzip, LayerCompression::kZstd}) {
    for (const char* name : {"1.tar", "2.tar"}) {
      ::unlink((folder_ / name).c_str());
      Write(Everything(), folder_ / name, {.ref_name = "x:1", .compression = compression});
    }
    EXPECT_EQ(*ReadSmallFile(folder_ / "1.tar", 100 << 20), *ReadSmallFile(folder_ / "2.tar", 100 << 20));
  }
}

TEST_F(OciSinkTest, DockersManifestNamesTheSame) {
  const auto tags = [&](const std::string& ref_name) {
    const std::string path = folder_ / "x.tar";
    ::unlink(path.c_str());
    Write({File("a", "x")}, path, {.ref_name = ref_name});
    std::string bytes = *ReadSmallFile(path);
    const size_t at = bytes.find("[{\"Config\"");
    return Json::parse(bytes.substr(at, bytes.find('\0', at) - at))[0]["RepoTags"];
  };
  EXPECT_EQ(tags("debian:12"), Json::array({"debian:12"}));
  EXPECT_EQ(tags("debian"), Json::array({"debian:latest"}));
  EXPECT_EQ(tags("localhost:5000/a/b:c"), Json::array({"localhost:5000/a/b:c"}));
  for (const char* none : {"", "Upper:1", "a//b", "a:", "a b", "a:b:c", "-a"}) EXPECT_EQ(tags(none), nullptr) << none;
}

TEST_F(OciSinkTest, SocketsAndNamesThatMeanARemovalAreLosses) {
  const TestFile socket{{.path = "socket", .type = FileType::kSocket, .mode = 0600}, {}};
  const TransferResult written = Write({socket, File(".wh.a", "x"), Folder("d/.wh.b"), File("d/.wh.b/c", "x"),
                                        HardLink("e", ".wh.a"), HardLink("f", "e"), File("keep", "x")},
                                       folder_ / "x", {});
  EXPECT_THAT(written.losses, ElementsAre(HasSubstr(".wh.a: "), HasSubstr("d/.wh.b: "), HasSubstr("d/.wh.b/c: "),
                                          HasSubstr("e: "), HasSubstr("f: "), HasSubstr("socket: sockets")));
  EXPECT_EQ(*ReadImage(folder_ / "x"), (Tree{{"keep", "x"}}));
}

TEST_F(OciSinkTest, WritesOnlyIntoAnEmptyFolderAndNothingButTheImage) {
  Write({File("a", "x")}, folder_ / "x", {});
  EXPECT_EQ(ReasonOf(CreateOciSink(folder_ / "x", {}).status()), reason::kFileExists);
  EXPECT_FALSE(PathExists(folder_ / "x/blobs/sha256/.layer"));
}

TEST_F(OciSinkTest, TextsThatAnImageCannotHoldAreRefused) {
  for (const OciExport& options :
       {OciExport{.env = {"\xFF=x"}}, OciExport{.env = {"x"}}, OciExport{.env = {"=x"}},
        OciExport{.user = std::string("a\0b", 3)}, OciExport{.labels = {{"a", "\xFF"}}}, OciExport{.cmd = {"\xC0"}}}) {
    EXPECT_EQ(ReasonOf(CreateOciSink(folder_ / "x", options).status()), reason::kInvalidArgument);
  }
  EXPECT_FALSE(PathExists(folder_ / "x"));
}

TEST_F(OciSinkTest, AFullDiskIsTold) {
  const OciExport options = {.compression = LayerCompression::kNone};
  std::string whole;
  auto sink = CreateOciArchiveSink(std::make_unique<StringSink>(whole), folder_.path(), options);
  TestSource first(Everything());
  ASSERT_TRUE(Transfer(first, **sink, {}).ok());
  std::string bytes;
  const absl::Status full = Error(absl::StatusCode::kResourceExhausted, reason::kDiskFull, "No room.");
  sink = CreateOciArchiveSink(std::make_unique<StringSink>(bytes, whole.size() - 1, full), folder_.path(), options);
  TestSource again(Everything());
  EXPECT_EQ(ReasonOf(Transfer(again, **sink, {}).status()), reason::kDiskFull);
}

TEST_F(OciSinkTest, APackerThatIsLeftOrFailsWritesNothingMore) {
  for (const auto compression : {LayerCompression::kGzip, LayerCompression::kZstd}) {
    std::string bytes;
    const absl::Status full = Error(absl::StatusCode::kResourceExhausted, reason::kDiskFull, "No room.");
    auto packer = Pack(std::make_unique<StringSink>(bytes, 0, full), compression);
    ASSERT_TRUE((*packer)->Write("x").ok());
    EXPECT_EQ(ReasonOf((*packer)->Finish()), reason::kDiskFull);
    packer = Pack(std::make_unique<StringSink>(bytes), compression);
    ASSERT_TRUE((*packer)->Write("x").ok());
    packer->reset();
    EXPECT_EQ(bytes, "");
  }
}

}  // namespace
}  // namespace wslm
