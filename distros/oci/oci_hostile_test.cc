// Documents and archives that somebody made to do harm: the answers are errors.
#include "distros/host/error.h"
#include "distros/host/test_folder.h"
#include "distros/oci/test_image.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace wslm {
namespace {

using testing::AnyOf;
using testing::HasSubstr;
using Json = nlohmann::json;

const std::string& Tar() {
  static const std::string* const tar = new std::string(Layer({Plain("a", "1")}));
  return *tar;
}

class OciHostileTest : public testing::Test {
 protected:
  absl::Status Read(const TestImage& image) {
    const std::string path = folder_ / std::to_string(++count_);
    image.WriteFolder(path);
    return ReadImage(path).status();
  }
  absl::Status ReadFile(const std::string& bytes) {
    const std::string path = folder_ / std::to_string(++count_);
    WriteTestFile(path, bytes);
    return ReadImage(path).status();
  }
  const TestFolder folder_;
  int count_ = 0;
};

// Each field replaced by values of every other type.
void Vary(const Json& good, const std::function<void(const Json& bad)>& use) {
  const Json values[] = {true,
                         -1,
                         1e300,
                         18446744073709551615u,
                         "",
                         "x",
                         Json::array(),
                         Json::object(),
                         Json::array({1}),
                         Json::array({Json::object()}),
                         {{"a", 1}}};
  const Json flat = good.flatten();
  std::vector<Json::json_pointer> places;
  for (const auto& [pointer, value] : flat.items()) {
    for (Json::json_pointer at(pointer); !at.empty(); at.pop_back()) places.push_back(at);
  }
  for (const Json::json_pointer& at : places) {
    for (const Json& value : values) {
      Json bad = good;
      bad[at] = value;
      use(bad);
    }
  }
}

TEST_F(OciHostileTest, WrongTypesAnywhereAreErrorsOrLeftOut) {
  const auto check = [&](const TestImage& image, const Json& bad) {
    const absl::Status status = Read(image);
    EXPECT_THAT(ReasonOf(status),
                AnyOf("", reason::kCorruptSource, reason::kUnsupportedFormat, reason::kHostUnsupported))
        << bad << status;
  };
  Json config = TestImage::Config({Tar()});
  config["config"] = {{"Env", {"A=b"}}, {"User", "u"}, {"Labels", {{"k", "v"}}}, {"Cmd", {"x"}}};
  Vary(config, [&](const Json& bad) {
    TestImage image;
    image.Layout({image.Manifest({Tar()}, bad)});
    check(image, bad);
  });
  TestImage good;
  Json descriptor = good.Manifest({Tar()}, config);
  const Json manifest = Json::parse(good.files["blobs/sha256/" + descriptor["digest"].get<std::string>().substr(7)]);
  Vary(manifest, [&](const Json& bad) {
    TestImage image = good;
    image.Layout({image.Blob(bad.dump(), "application/vnd.oci.image.manifest.v1+json")});
    check(image, bad);
  });
  descriptor["annotations"] = {{"org.opencontainers.image.ref.name", "x"}};
  descriptor["platform"] = {{"os", "linux"}, {"architecture", HostPlatform().architecture}};
  Vary({{"schemaVersion", 2}, {"manifests", {descriptor}}}, [&](const Json& bad) {
    TestImage image = good;
    image.files["index.json"] = bad.dump();
    check(image, bad);
  });
}

TEST_F(OciHostileTest, DockersManifestIsNotBelievedEither) {
  const Json config = TestImage::Config({Tar()});
  const Json good = Json::array({{{"Config", "c.json"}, {"RepoTags", {"x:1"}}, {"Layers", {"l.tar"}}}});
  const auto read = [&](const std::string& manifest) {
    return ReadFile(TarMember(Plain("c.json", config.dump())) + TarMember(Plain("l.tar", Tar())) +
                    TarMember(Plain("manifest.json", manifest)) + TarEnd());
  };
  EXPECT_TRUE(read(good.dump()).ok());
  Vary(good, [&](const Json& bad) {
    EXPECT_THAT(ReasonOf(read(bad.dump())),
                AnyOf("", reason::kCorruptSource, reason::kUnsupportedFormat, reason::kInvalidArgument))
        << bad;
  });
  for (const char* file : {"/etc/passwd", "../../etc/passwd", "/dev/zero", ".", ""}) {
    Json bad = good;
    bad[0]["Layers"][0] = file;
    EXPECT_EQ(ReasonOf(read(bad.dump())), reason::kCorruptSource) << file;
    bad = good;
    bad[0]["Config"] = file;
    EXPECT_EQ(ReasonOf(read(bad.dump())), reason::kCorruptSource) << file;
  }
}

TEST_F(OciHostileTest, AFolderReadsNothingOutsideItself) {
  TestImage image;
  image.files["manifest.json"] = R"([{"Config":"c.json","Layers":["l.tar"]}])";
  image.files["l.tar"] = Tar();
  image.WriteFolder(folder_ / "image");
  ASSERT_TRUE(WriteFileAtomically(folder_ / "c.json", TestImage::Config({Tar()}).dump()).ok());
  for (const std::string& target : {std::string("../c.json"), folder_ / "c.json"}) {
    ASSERT_EQ(::symlink(target.c_str(), (folder_ / "image/c.json").c_str()), 0);
    EXPECT_EQ(ReasonOf(ReadImage(folder_ / "image").status()), reason::kCorruptSource);
    ASSERT_EQ(::unlink((folder_ / "image/c.json").c_str()), 0);
  }
  ASSERT_EQ(::mkfifo((folder_ / "image/c.json").c_str(), 0600), 0);
  EXPECT_EQ(ReasonOf(ReadImage(folder_ / "image").status()), reason::kCorruptSource);
}

TEST_F(OciHostileTest, DocumentsAreBounded) {
  const auto read_index = [&](const std::string& index) {
    TestImage image;
    image.files["oci-layout"] = "{}";
    image.files["index.json"] = index;
    return Read(image);
  };
  EXPECT_THAT(std::string(read_index(std::string(1'000'000, '[')).message()), HasSubstr("nested too deeply"));
  EXPECT_THAT(std::string(read_index("{" + std::string(5 << 20, ' ') + "}").message()), HasSubstr("larger than 4 MiB"));
  std::string many = "{\"manifests\":[0";
  for (int i = 0; i < 300'000; ++i) many += ",0";
  EXPECT_THAT(std::string(read_index(many + "]}").message()), HasSubstr("too many values"));
  for (const char* text : {"", "{", "nope", "{\"manifests\":\"\xFF\"}", "[]", "1", "null"}) {
    EXPECT_EQ(ReasonOf(read_index(text)), reason::kCorruptSource) << text;
  }
  EXPECT_EQ(ReasonOf(read_index("{\"manifests\":[]}")), reason::kUnsupportedFormat);
}

TEST_F(OciHostileTest, AnIndexCannotPointToItself) {
  // With right digests it can't be; so one with a wrong one.
  TestImage image;
  Json self = image.Blob("{}", "application/vnd.oci.image.index.v1+json");
  const std::string file = "blobs/sha256/" + self["digest"].get<std::string>().substr(7);
  image.files[file] = Json({{"manifests", {self}}}).dump();
  self["size"] = image.files[file].size();
  image.Layout({self});
  EXPECT_EQ(ReasonOf(Read(image)), reason::kCorruptSource);
  // Nested as deep as one likes.
  Json deep = image.Manifest({Tar()}, TestImage::Config({Tar()}));
  for (int i = 0; i < 20; ++i) deep = image.Index({deep});
  image.Layout({deep});
  EXPECT_THAT(std::string(Read(image).message()), HasSubstr("nested too deeply"));
}

TEST_F(OciHostileTest, TooManyLayersAreRefused) {
  const std::vector<std::string> layers(501, Tar());
  TestImage image;
  image.Layout({image.Manifest(layers, TestImage::Config(layers))});
  EXPECT_THAT(std::string(Read(image).message()), HasSubstr("more than 500 layers"));
}

TEST_F(OciHostileTest, WhatExpandsTooFarIsRefused) {
  const std::string layer = Layer({Plain("zeros", std::string(4 << 20, '\0'))});
  const OciSourceOptions strict = {.limits = {.expansion = 50, .expansion_floor = 1 << 20}};
  const std::string packed_layer = folder_ / "layer";
  ImageOf({layer}, LayerCompression::kGzip).WriteFolder(packed_layer);
  const std::string packed_archive = folder_ / "archive";
  WriteTestFile(packed_archive, Packed(ImageOf({layer}).Tar(), LayerCompression::kZstd));
  for (const std::string& path : {packed_layer, packed_archive}) {
    const absl::Status status = ReadImage(path, strict).status();
    EXPECT_EQ(ReasonOf(status), reason::kCorruptSource) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr("expansion"));
    EXPECT_TRUE(ReadImage(path).ok());
  }
}

TEST_F(OciHostileTest, LinksInAnArchiveEndAndStayInIt) {
  const std::string manifest = R"([{"Config":"a","Layers":[]}])";
  for (const char* target : {"a", "b", "../a", "/../../etc/passwd", "missing"}) {
    EXPECT_EQ(ReasonOf(ReadFile(TarMember(Plain("manifest.json", manifest)) + TarMember(Soft("a", target)) +
                                TarMember(Soft("b", "a")) + TarEnd())),
              reason::kCorruptSource)
        << target;
  }
}

TEST_F(OciHostileTest, SurvivesRandomDamage) {
  const std::string good = ImageOf({Layer({Dir("d"), Plain("d/a", "1"), Hard("b", "d/a"), Soft("s", "x")}),
                                    Layer({Plain("d/.wh.a", ""), Plain("c", "2")})})
                               .Tar();
  uint32_t state = 4711;
  const auto random = [&] { return (state = state * 1664525 + 1013904223) >> 8; };
  for (int i = 0; i < 300; ++i) {
    std::string bad = good;
    for (uint32_t j = random() % 4 + 1; j > 0; --j) bad[random() % bad.size()] = static_cast<char>(random());
    if (random() % 4 == 0) bad.resize(random() % bad.size());
    const absl::Status status = ReadFile(bad);
    EXPECT_THAT(ReasonOf(status), AnyOf("", reason::kCorruptSource, reason::kUnsupportedFormat)) << status;
  }
}

// The digests are right here: it is the layer that is bad.
TEST_F(OciHostileTest, SurvivesLayersOfRandomNames) {
  uint32_t state = 1;
  const auto random = [&](uint32_t below) { return ((state = state * 1664525 + 1013904223) >> 8) % below; };
  const char* const names[] = {
      "a", "b", "a/b", "a/c", "b/a", ".wh.a", ".wh.b", "a/.wh.b", "a/.wh..wh..opq", ".wh..wh..opq", ""};
  int good = 0;
  for (int i = 0; i < 200; ++i) {
    std::vector<std::string> layers;
    for (uint32_t j = 1 + random(4); j > 0; --j) {
      std::vector<TestMember> members;
      for (uint32_t k = random(5); k > 0; --k) {
        const std::string name = names[random(std::size(names))];
        const char types[] = {'0', '1', '5', '2', '0', '5'};
        const char type = types[random(6)];
        members.push_back({.name = name, .type = type, .content = type == '0' ? name : "", .link = names[random(5)]});
      }
      layers.push_back(Layer(members));
    }
    const absl::Status status = Read(ImageOf(layers));
    EXPECT_THAT(ReasonOf(status), AnyOf("", reason::kCorruptSource, reason::kNotADistro)) << status;
    good += status.ok() ? 1 : 0;
  }
  EXPECT_GT(good, 10);
}

}  // namespace
}  // namespace wslm
