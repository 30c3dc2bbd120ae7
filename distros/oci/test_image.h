// Container images made by hand, for tests: also such as no tool would write.
#ifndef WSLM_DISTROS_OCI_TEST_IMAGE_H_
#define WSLM_DISTROS_OCI_TEST_IMAGE_H_

#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "distros/host/files.h"
#include "distros/host/test_bytes.h"
#include "distros/oci/blob_digest.h"
#include "distros/oci/oci_source.h"
#include "distros/oci/pack.h"
#include "distros/tar/test_tar.h"
#include "distros/tree/test_tree.h"
#include "distros/tree/transfer.h"
#include "gtest/gtest.h"

namespace wslm {

inline std::string Packed(const std::string& bytes, LayerCompression compression) {
  std::string packed;
  auto sink = Pack(std::make_unique<StringSink>(packed), compression);
  EXPECT_TRUE((*sink)->Write(bytes).ok());
  EXPECT_TRUE((*sink)->Finish().ok());
  return packed;
}

inline std::string DigestOfText(const std::string& text) { return DigestText(Sha256().Of(text)); }

// A layer of these members.
inline std::string Layer(const std::vector<TestMember>& members) {
  std::string tar;
  for (const TestMember& member : members) tar += TarMember(member);
  return tar + TarEnd();
}
inline TestMember Dir(std::string name, unsigned mode = 0755) {
  return {.name = name + "/", .type = '5', .mode = mode};
}
inline TestMember Plain(std::string name, std::string content) {
  return {.name = std::move(name), .content = std::move(content)};
}
inline TestMember Hard(std::string name, std::string target) {
  return {.name = std::move(name), .type = '1', .link = std::move(target)};
}
inline TestMember Soft(std::string name, std::string target) {
  return {.name = std::move(name), .type = '2', .link = std::move(target)};
}

// Without fsync: there are thousands.
inline void WriteTestFile(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

// Files by name; documents are made of their JSON.
class TestImage {
 public:
  using Json = nlohmann::json;

  // Adds a blob and answers its descriptor.
  Json Blob(const std::string& bytes, const std::string& media_type) {
    const std::string digest = DigestOfText(bytes);
    files["blobs/sha256/" + digest.substr(7)] = bytes;
    return {{"mediaType", media_type}, {"digest", digest}, {"size", bytes.size()}};
  }

  static Json Config(const std::vector<std::string>& layers, const std::string& architecture = "") {
    Json config = {{"os", "linux"},
                   {"architecture", architecture.empty() ? HostPlatform().architecture : architecture},
                   {"rootfs", {{"type", "layers"}, {"diff_ids", Json::array()}}}};
    for (const std::string& layer : layers) config["rootfs"]["diff_ids"].push_back(DigestOfText(layer));
    return config;
  }

  // A manifest of these layers, unpacked, and of this config; answers its descriptor.
  Json Manifest(const std::vector<std::string>& layers, const Json& config,
                LayerCompression compression = LayerCompression::kNone) {
    Json list = Json::array();
    for (const std::string& layer : layers) {
      list.push_back(Blob(Packed(layer, compression), "application/vnd.oci.image.layer.v1.tar"));
    }
    const Json manifest = {{"schemaVersion", 2},
                           {"config", Blob(config.dump(), "application/vnd.oci.image.config.v1+json")},
                           {"layers", list}};
    return Blob(manifest.dump(), "application/vnd.oci.image.manifest.v1+json");
  }

  Json Index(const std::vector<Json>& manifests) {
    const Json index = {{"schemaVersion", 2}, {"manifests", manifests}};
    return Blob(index.dump(), "application/vnd.oci.image.index.v1+json");
  }

  void Layout(const std::vector<Json>& manifests) {
    files["oci-layout"] = R"({"imageLayoutVersion":"1.0.0"})";
    files["index.json"] = Json({{"schemaVersion", 2}, {"manifests", manifests}}).dump();
  }

  void WriteFolder(const std::string& folder) const {
    for (const auto& [name, bytes] : files) {
      ASSERT_TRUE(MakeFolders(ParentPath(folder + "/" + name)).ok());
      WriteTestFile(folder + "/" + name, bytes);
    }
  }

  std::string Tar() const {
    std::string tar;
    for (const auto& [name, bytes] : files) tar += TarMember({.name = name, .content = bytes});
    return tar + TarEnd();
  }

  std::map<std::string, std::string> files;
};

// An image of one tree, of these layers.
inline TestImage ImageOf(const std::vector<std::string>& layers,
                         LayerCompression compression = LayerCompression::kNone) {
  TestImage image;
  image.Layout({image.Manifest(layers, TestImage::Config(layers), compression)});
  return image;
}

// What the image's source gives, by path: a file's content, "-> TARGET" of a symlink, "= TARGET" of a hard link, "dir
// MODE".
using Tree = std::map<std::string, std::string>;

inline absl::StatusOr<Tree> ReadTree(Source& source) {
  TestSink sink;
  const auto result = Transfer(source, sink, {});
  if (!result.ok()) return result.status();
  Tree tree;
  for (const TestFile& file : sink.files) {
    std::string text;
    for (const auto& [offset, bytes] : file.blocks) text += bytes;
    if (file.entry.is_hard_link()) {
      text = "= " + file.entry.hard_link_to;
    } else if (file.entry.type == FileType::kSymlink) {
      text = "-> " + file.entry.symlink_target;
    } else if (file.entry.type == FileType::kDirectory) {
      char mode[16];
      std::snprintf(mode, sizeof(mode), "dir %o", file.entry.mode);
      text = mode;
    }
    EXPECT_TRUE(tree.emplace(file.entry.path, text).second) << file.entry.path << " comes twice";
  }
  return tree;
}

inline absl::StatusOr<Tree> ReadImage(const std::string& path, OciSourceOptions options = {}) {
  options.scratch = testing::TempDir();
  absl::StatusOr<OciImage> image = OpenOciSource(path, options);
  if (!image.ok()) return image.status();
  return ReadTree(*image->source);
}

}  // namespace wslm

#endif  // WSLM_DISTROS_OCI_TEST_IMAGE_H_
