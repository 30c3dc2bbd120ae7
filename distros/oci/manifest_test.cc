#include "distros/oci/manifest.h"

#include <nlohmann/json.hpp>

#include "distros/host/error.h"
#include "distros/oci/blob_digest.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace wslm {
namespace {

using Json = nlohmann::json;
using testing::ElementsAre;

constexpr char kManifest[] = "application/vnd.oci.image.manifest.v1+json";
constexpr char kIndex[] = "application/vnd.oci.image.index.v1+json";

Json Blob(const std::string& bytes, const std::string& type = "x") {
  return {{"mediaType", type}, {"digest", DigestOfBytes(bytes)}, {"size", bytes.size()}};
}
Json For(const std::string& architecture, const std::string& variant = "") {
  Json entry = Blob(architecture + variant, kManifest);
  entry["platform"] = {{"os", "linux"}, {"architecture", architecture}};
  if (!variant.empty()) entry["platform"]["variant"] = variant;
  return entry;
}
Json Image() {
  return {{"schemaVersion", 2},
          {"config", Blob("config", "application/vnd.oci.image.config.v1+json")},
          {"layers", Json::array({Blob("layer"), Blob("layer"), Blob("other")})}};
}

absl::StatusOr<Manifest> Parse(const Json& json, const std::string& type = "") {
  return ParseManifest(json.dump(), type, "it");
}

TEST(Manifest, AnImageAndItsBlobs) {
  const absl::StatusOr<Manifest> image = Parse(Image(), "application/json; charset=utf-8");
  ASSERT_TRUE(image.ok()) << image.status();
  EXPECT_FALSE(image->is_index);
  EXPECT_EQ(image->media_type, kManifest);
  EXPECT_EQ(image->layers.size(), 3u);
  ASSERT_EQ(image->Blobs().size(), 3u);
  EXPECT_EQ(image->Blobs()[1].digest, DigestOfBytes("layer"));
  EXPECT_EQ(image->Blobs()[1].size, 5);
}

TEST(Manifest, WhatIsAmbiguousOrImpossibleIsCorrupt) {
  std::vector<Json> wrong(9, Image());
  wrong[0]["manifests"] = Json::array();
  wrong[1].erase("config");
  wrong[2]["mediaType"] = kIndex;
  wrong[3]["layers"][1]["size"] = 6;
  wrong[4]["layers"][0]["size"] = uint64_t{1} << 63;
  wrong[5]["layers"][0]["digest"] = "sha256:../../x";
  wrong[6]["config"]["size"] = 1 << 30;
  wrong[7]["layers"] = Json::array();
  for (int i = 0; i < 501; ++i) wrong[7]["layers"].push_back(Blob(std::to_string(i)));
  wrong[8]["mediaType"] = 5;
  for (const Json& json : wrong) EXPECT_EQ(ReasonOf(Parse(json).status()), reason::kCorruptSource) << json;
  EXPECT_EQ(ReasonOf(Parse(Image(), kIndex).status()), reason::kCorruptSource);
}

TEST(Manifest, WhatIsNoImageOfContainersIsUnsupported) {
  Json chart = Image();
  chart["config"]["mediaType"] = "application/vnd.cncf.helm.config.v1+json";
  EXPECT_EQ(ReasonOf(Parse(chart).status()), reason::kUnsupportedFormat);
  EXPECT_EQ(ReasonOf(Parse({{"schemaVersion", 1}}).status()), reason::kUnsupportedFormat);
}

TEST(Manifest, OfSeveralPlatformsTheBestIsChosen) {
  Json attestation = For("amd64");
  attestation["annotations"]["vnd.docker.reference.type"] = "attestation-manifest";
  Json old_attestation = Blob("old", kManifest);
  old_attestation["platform"] = {{"os", "unknown"}, {"architecture", "unknown"}};
  const absl::StatusOr<Manifest> index = Parse({{"manifests",
                                                 {attestation, old_attestation, For("amd64", "v3"), For("x86_64"),
                                                  For("arm", "v6"), For("arm", "v7"), For("arm64")}}});
  ASSERT_TRUE(index.ok()) << index.status();
  EXPECT_TRUE(index->is_index);
  std::set<std::string> offered;
  const auto chosen = [&](const Platform& platform) {
    offered.clear();
    const Descriptor* found = ChooseByPlatform(index->manifests, platform, offered);
    return found == nullptr ? "none" : found->digest;
  };
  EXPECT_EQ(chosen({"linux", "amd64"}), DigestOfBytes("x86_64"));
  EXPECT_EQ(chosen({"linux", "amd64", "v3"}), DigestOfBytes("amd64v3"));
  EXPECT_EQ(chosen({"linux", "arm"}), DigestOfBytes("armv7"));
  EXPECT_EQ(chosen({"linux", "arm", "v6"}), DigestOfBytes("armv6"));
  EXPECT_EQ(chosen({"linux", "arm64", "v8"}), DigestOfBytes("arm64"));
  EXPECT_EQ(chosen({"linux", "s390x"}), "none");
  EXPECT_THAT(offered, ElementsAre("linux/amd64/v3", "linux/arm/v6", "linux/arm/v7", "linux/arm64", "linux/x86_64"));
}

TEST(Manifest, OneThatSaysNoPlatformIsTheLastChoice) {
  const absl::StatusOr<Manifest> index = Parse({{"manifests", {Blob("any", kManifest), For("amd64")}}});
  ASSERT_TRUE(index.ok()) << index.status();
  std::set<std::string> offered;
  EXPECT_EQ(ChooseByPlatform(index->manifests, {"linux", "amd64"}, offered)->digest, DigestOfBytes("amd64"));
  EXPECT_EQ(ChooseByPlatform(index->manifests, {"linux", "s390x"}, offered)->digest, DigestOfBytes("any"));
}

}  // namespace
}  // namespace wslm
