// A small image for tests: as bytes, and as an OCI layout in a folder.
#ifndef WSLM_DISTROS_OCI_REGISTRY_TEST_IMAGE_H_
#define WSLM_DISTROS_OCI_REGISTRY_TEST_IMAGE_H_

#include <map>
#include <string>

#include "absl/strings/str_cat.h"
#include "distros/host/files.h"
#include "distros/oci/blob_digest.h"
#include "distros/oci/manifest.h"
#include "gtest/gtest.h"

namespace wslm::oci::registry {

inline std::string TestBytes(size_t size, uint32_t seed) {
  std::string bytes(size, '\0');
  for (char& byte : bytes) byte = static_cast<char>((seed = seed * 1664525 + 1013904223) >> 24);
  return bytes;
}

inline std::string DescriptorJson(const std::string& type, const std::string& bytes, const std::string& more = "") {
  return absl::StrCat(R"({"mediaType":")", type, R"(","digest":")", DigestOfBytes(bytes), R"(","size":)", bytes.size(),
                      more, "}");
}

struct TestImage {
  explicit TestImage(size_t layer_size = 300000, const std::string& architecture = HostPlatform().architecture)
      : config(absl::StrCat(R"({"os":"linux","architecture":")", architecture,
                            R"(","rootfs":{"type":"layers","diff_ids":[]}})")),
        layers{TestBytes(layer_size, 1), TestBytes(1000, 2), TestBytes(70000, 3)} {
    std::string list;
    for (const std::string& layer : layers) {
      absl::StrAppend(&list, list.empty() ? "" : ",",
                      DescriptorJson("application/vnd.oci.image.layer.v1.tar+gzip", layer));
    }
    manifest =
        absl::StrCat(R"({"schemaVersion":2,"mediaType":")", kType, R"(","config":)",
                     DescriptorJson("application/vnd.oci.image.config.v1+json", config), R"(,"layers":[)", list, "]}");
  }

  // Digest → bytes.
  std::map<std::string, std::string> Blobs() const {
    std::map<std::string, std::string> blobs = {{DigestOfBytes(config), config}};
    for (const std::string& layer : layers) blobs[DigestOfBytes(layer)] = layer;
    return blobs;
  }

  void WriteTo(const std::string& folder) const {
    ASSERT_TRUE(MakeFolders(folder + "/blobs/sha256").ok());
    std::map<std::string, std::string> blobs = Blobs();
    blobs[DigestOfBytes(manifest)] = manifest;
    for (const auto& [digest, bytes] : blobs) {
      ASSERT_TRUE(WriteFileAtomically(folder + "/blobs/sha256/" + digest.substr(7), bytes).ok());
    }
    ASSERT_TRUE(WriteFileAtomically(folder + "/oci-layout", R"({"imageLayoutVersion":"1.0.0"})").ok());
    const std::string index =
        absl::StrCat(R"({"schemaVersion":2,"manifests":[)", DescriptorJson(kType, manifest), "]}");
    ASSERT_TRUE(WriteFileAtomically(folder + "/index.json", index).ok());
  }

  // That `folder` is a layout of exactly this image.
  void ExpectIn(const std::string& folder) const {
    std::map<std::string, std::string> blobs = Blobs();
    blobs[DigestOfBytes(manifest)] = manifest;
    for (const auto& [digest, bytes] : blobs) {
      const auto content = ReadSmallFile(folder + "/blobs/sha256/" + digest.substr(7), size_t{64} << 20);
      ASSERT_TRUE(content.ok()) << content.status();
      EXPECT_TRUE(*content == bytes) << digest;
    }
    const auto index = ReadSmallFile(folder + "/index.json");
    ASSERT_TRUE(index.ok());
    const auto document = ParseManifest(*index, "", "index");
    ASSERT_TRUE(document.ok()) << document.status();
    ASSERT_EQ(document->manifests.size(), 1u);
    EXPECT_EQ(document->manifests[0].digest, DigestOfBytes(manifest));
    EXPECT_EQ(ReadSmallFile(folder + "/oci-layout").value_or(""), R"({"imageLayoutVersion":"1.0.0"})");
    EXPECT_FALSE(PathExists(folder + "/.partial"));
  }

  static constexpr char kType[] = "application/vnd.oci.image.manifest.v1+json";
  std::string config;
  std::vector<std::string> layers;
  std::string manifest;
};

}  // namespace wslm::oci::registry

#endif  // WSLM_DISTROS_OCI_REGISTRY_TEST_IMAGE_H_
