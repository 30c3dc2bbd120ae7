#include "distros/oci/oci_source.h"

#include "distros/host/error.h"
#include "distros/host/test_folder.h"
#include "distros/oci/test_image.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace wslm {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using Json = nlohmann::json;

const std::string kForeign = HostPlatform().architecture == "arm64" ? "amd64" : "arm64";

class OciSourceTest : public testing::Test {
 protected:
  std::string File(const std::string& bytes) {
    const std::string path = folder_ / "image.tar";
    EXPECT_TRUE(WriteFileAtomically(path, bytes).ok());
    return path;
  }
  std::string Folder(const TestImage& image) {
    const std::string path = folder_ / ("image" + std::to_string(++folders_));
    image.WriteFolder(path);
    return path;
  }
  static std::string Text(const absl::Status& status) {
    return ReasonOf(status) + ": " + std::string(status.message());
  }

  const std::string lower_ = Layer({Dir("etc"), Plain("etc/os-release", "ID=x\n"), Plain("gone", "1")});
  const std::string upper_ = Layer({Plain(".wh.gone", ""), Plain("etc/new", "2")});
  const Tree tree_ = {{"etc", "dir 755"}, {"etc/new", "2"}, {"etc/os-release", "ID=x\n"}};
  const TestFolder folder_;
  int folders_ = 0;
};

TEST_F(OciSourceTest, ReadsALayoutAsAFolderAndPackedAnyWay) {
  for (const auto layers : {LayerCompression::kNone, LayerCompression::kGzip, LayerCompression::kZstd}) {
    const TestImage image = ImageOf({lower_, upper_}, layers);
    EXPECT_EQ(*ReadImage(Folder(image)), tree_);
    for (const auto whole : {LayerCompression::kNone, LayerCompression::kGzip, LayerCompression::kZstd}) {
      const absl::StatusOr<Tree> tree = ReadImage(File(Packed(image.Tar(), whole)));
      ASSERT_TRUE(tree.ok()) << tree.status();
      EXPECT_EQ(*tree, tree_);
    }
  }
}

TEST_F(OciSourceTest, ReadsTheOldFormOfDockerSave) {
  const Json config = TestImage::Config({lower_, upper_, upper_});
  const std::string name = DigestOfText(config.dump()).substr(7) + ".json";
  const std::string a(64, 'a'), b(64, 'b'), c(64, 'c');
  const Json manifest = Json::array({{{"Config", name},
                                      {"RepoTags", {"debian:12", "debian:latest"}},
                                      {"Layers", {a + "/layer.tar", b + "/layer.tar", c + "/layer.tar"}}}});
  const std::string tar = TarMember(Dir(a)) + TarMember(Plain(a + "/VERSION", "1.0")) +
                          TarMember(Plain(a + "/layer.tar", lower_)) + TarMember(Plain(b + "/layer.tar", upper_)) +
                          TarMember(Soft(c + "/layer.tar", "../" + b + "/layer.tar")) +
                          TarMember(Plain(name, config.dump())) + TarMember(Plain("manifest.json", manifest.dump())) +
                          TarMember(Plain("repositories", "{}")) + TarEnd();
  const absl::StatusOr<OciImage> image = OpenOciSource(File(tar), {});
  ASSERT_TRUE(image.ok()) << image.status();
  EXPECT_EQ(*ReadTree(*image->source), tree_);
  EXPECT_EQ(image->config.ref_name, "debian:12");
  EXPECT_TRUE(ReadImage(File(tar), {.ref_name = "debian:latest"}).ok());
  EXPECT_THAT(Text(ReadImage(File(tar), {.ref_name = "fedora"}).status()), HasSubstr("it holds 'debian:12', 'debian:"));
}

TEST_F(OciSourceTest, OfSeveralImagesOneIsNamed) {
  TestImage image;
  Json one = image.Manifest({lower_}, TestImage::Config({lower_}));
  Json two = image.Manifest({lower_, upper_}, TestImage::Config({lower_, upper_}));
  one["annotations"] = {{"org.opencontainers.image.ref.name", "one"}};
  two["annotations"] = {{"org.opencontainers.image.ref.name", "2.0"},
                        {"io.containerd.image.name", "docker.io/library/two:2.0"}};
  Json again = two;
  again["annotations"] = {{"org.opencontainers.image.ref.name", "again"}};
  image.Layout({one, two, again});
  const std::string path = Folder(image);
  const absl::Status status = ReadImage(path).status();
  EXPECT_EQ(ReasonOf(status), reason::kInvalidArgument);
  EXPECT_THAT(
      std::string(status.message()),
      HasSubstr("several images; name the one that is meant: '2.0', 'again', 'docker.io/library/two:2.0', 'one'"));
  EXPECT_EQ(ReadImage(path, {.ref_name = "one"})->size(), 3u);
  for (const std::string& name : {std::string("2.0"), std::string("two:2.0"), std::string("docker.io/library/two:2.0"),
                                  std::string("again"), two["digest"].get<std::string>()}) {
    EXPECT_EQ(*ReadImage(path, {.ref_name = name}), tree_) << name;
  }
  EXPECT_EQ(ReasonOf(ReadImage(path, {.ref_name = "three"}).status()), reason::kInvalidArgument);
  // Several names of one image are no question.
  image.Layout({two, again});
  EXPECT_EQ(*ReadImage(Folder(image)), tree_);
}

TEST_F(OciSourceTest, AnIndexIsFollowedToThisMachinesPlatform) {
  TestImage image;
  Json ours = image.Manifest({lower_, upper_}, TestImage::Config({lower_, upper_}));
  Json theirs = image.Manifest({lower_}, TestImage::Config({lower_}, kForeign));
  Json attestation = image.Blob("{}", "application/vnd.oci.image.manifest.v1+json");
  ours["platform"] = {{"os", "linux"}, {"architecture", HostPlatform().architecture}};
  theirs["platform"] = {{"os", "linux"}, {"architecture", kForeign}};
  attestation["platform"] = {{"os", "unknown"}, {"architecture", "unknown"}};
  attestation["annotations"] = {{"vnd.docker.reference.type", "attestation-manifest"}};
  const Json inner = image.Index({attestation, theirs, ours});
  image.Layout({image.Index({inner})});
  const std::string path = Folder(image);
  EXPECT_EQ(*ReadImage(path), tree_);
  const absl::StatusOr<OciImage> foreign = OpenOciSource(path, {.platform = "linux/" + kForeign});
  ASSERT_TRUE(foreign.ok()) << foreign.status();
  EXPECT_EQ(foreign->config.platform.architecture, kForeign);
  const absl::Status missing = ReadImage(path, {.platform = "linux/riscv64"}).status();
  EXPECT_EQ(ReasonOf(missing), reason::kHostUnsupported);
  EXPECT_THAT(std::string(missing.message()),
              HasSubstr("holds an image for linux/amd64, linux/arm64, and none for linux/riscv64"));
  // The same manifests without an index of their own.
  image.Layout({attestation, theirs, ours});
  EXPECT_EQ(*ReadImage(Folder(image)), tree_);
}

TEST_F(OciSourceTest, AnImageForAnotherMachineIsRefusedUnlessAskedFor) {
  TestImage image;
  image.Layout({image.Manifest({lower_}, TestImage::Config({lower_}, kForeign))});
  const std::string path = Folder(image);
  const absl::Status status = ReadImage(path).status();
  EXPECT_EQ(ReasonOf(status), reason::kHostUnsupported);
  EXPECT_THAT(std::string(status.message()), HasSubstr("for linux/" + kForeign));
  EXPECT_THAT(std::string(status.message()), HasSubstr("this machine is " + HostPlatform().ToString()));
  EXPECT_TRUE(ReadImage(path, {.platform = kForeign}).ok());
  EXPECT_EQ(ReasonOf(ReadImage(path, {.platform = "windows/amd64"}).status()), reason::kInvalidArgument);
}

TEST_F(OciSourceTest, TheConfigIsTold) {
  Json config = TestImage::Config({lower_});
  config["created"] = "2024-01-02T03:04:05Z";
  config["config"] = {{"Env", {"PATH=/bin", "A="}}, {"User", "app:app"},  {"WorkingDir", "/srv"},
                      {"Entrypoint", "/entry"},     {"Cmd", {"a", "b"}},  {"Labels", {{"k", "v"}}},
                      {"StopSignal", "SIGQUIT"},    {"Volumes", nullptr}, {"OnBuild", nullptr}};
  config["config"]["ExposedPorts"] = {{"80/tcp", Json::object()}, {"53/udp", Json::object()}};
  TestImage image;
  image.Layout({image.Manifest({lower_}, config)});
  const absl::StatusOr<OciImage> opened = OpenOciSource(Folder(image), {});
  ASSERT_TRUE(opened.ok()) << opened.status();
  const ImageConfig& told = opened->config;
  EXPECT_THAT(told.env, ElementsAre("PATH=/bin", "A="));
  EXPECT_EQ(told.user, "app:app");
  EXPECT_EQ(told.working_dir, "/srv");
  EXPECT_THAT(told.entrypoint, ElementsAre("/entry"));
  EXPECT_THAT(told.cmd, ElementsAre("a", "b"));
  EXPECT_EQ(told.labels.at("k"), "v");
  EXPECT_EQ(told.stop_signal, "SIGQUIT");
  EXPECT_THAT(told.exposed_ports, ElementsAre("53/udp", "80/tcp"));
  EXPECT_EQ(told.created, "2024-01-02T03:04:05Z");
  EXPECT_EQ(told.platform.ToString(), HostPlatform().ToString());
}

TEST_F(OciSourceTest, EachWrongDigestIsFound) {
  const TestImage good = ImageOf({lower_, upper_}, LayerCompression::kGzip);
  for (const auto& [name, bytes] : good.files) {
    if (name == "oci-layout" || name == "index.json") continue;
    TestImage bad = good;
    std::string& content = bad.files[name];
    content[content.size() / 2] ^= 1;
    EXPECT_EQ(ReasonOf(ReadImage(Folder(bad)).status()), reason::kCorruptSource) << name;
    bad.files[name] = bytes + " ";
    EXPECT_EQ(ReasonOf(ReadImage(Folder(bad)).status()), reason::kCorruptSource) << name;
    bad.files.erase(name);
    EXPECT_EQ(ReasonOf(ReadImage(Folder(bad)).status()), reason::kCorruptSource) << name;
  }
  // A right file that holds what the config does not say.
  TestImage other;
  other.Layout({other.Manifest({lower_}, TestImage::Config({upper_}), LayerCompression::kGzip)});
  EXPECT_THAT(Text(ReadImage(Folder(other)).status()), HasSubstr("not what the image's config says"));
  other.Layout({other.Manifest({lower_}, TestImage::Config({upper_}))});
  EXPECT_THAT(Text(ReadImage(Folder(other)).status()), HasSubstr("not what the image's config says"));
  other.Layout({other.Manifest({lower_}, TestImage::Config({lower_, upper_}))});
  EXPECT_THAT(Text(ReadImage(Folder(other)).status()), HasSubstr("has 1 layers, its config 2"));
}

TEST_F(OciSourceTest, WhatIsNoContainerImageIsNamed) {
  EXPECT_EQ(ReasonOf(ReadImage(folder_ / "missing").status()), reason::kFileNotFound);
  EXPECT_EQ(ReasonOf(ReadImage(File("just text\n")).status()), reason::kUnsupportedFormat);
  EXPECT_EQ(ReasonOf(ReadImage(File(lower_)).status()), reason::kUnsupportedFormat);
  EXPECT_EQ(ReasonOf(ReadImage("/dev/null").status()), reason::kUnsupportedFormat);
  TestImage artifact;
  Json manifest = {{"config", artifact.Blob("{}", "application/vnd.cncf.helm.config.v1+json")},
                   {"layers", Json::array()}};
  artifact.Layout({artifact.Blob(manifest.dump(), "application/vnd.oci.image.manifest.v1+json")});
  EXPECT_THAT(Text(ReadImage(Folder(artifact)).status()), HasSubstr("UNSUPPORTED_FORMAT: "));
}

TEST_F(OciSourceTest, TellsHowFarItIsAndStopsWhenAsked) {
  const std::string path = Folder(ImageOf({lower_, upper_}, LayerCompression::kGzip));
  int told = 0;
  absl::StatusOr<OciImage> image = OpenOciSource(path, {.progress = [&](const TransferProgress&) { ++told; }});
  EXPECT_GT(told, 0);
  ASSERT_TRUE(DigestOf(*image->source, {}).ok());
  EXPECT_EQ(image->source->position(), image->source->total());
  const CancelFlag cancel = true;
  EXPECT_EQ(ReasonOf(OpenOciSource(path, {.cancel = &cancel}).status()), reason::kCancelled);
}

}  // namespace
}  // namespace wslm
