#include "distros/oci/image_choice.h"

#include <algorithm>
#include <iterator>
#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "distros/host/error.h"
#include "distros/host/status_macros.h"
#include "distros/oci/blob_digest.h"
#include "distros/oci/json_document.h"
#include "distros/oci/manifest.h"
#include "distros/tar/archive_reader.h"

namespace wslm {
namespace {

constexpr int kNestingMax = 8;

absl::Status NoImage(const ImageFiles& files, std::string_view what) {
  return Error(absl::StatusCode::kInvalidArgument, reason::kUnsupportedFormat,
               absl::StrCat(Escaped(files.name()), " ", std::string(what)),
               {{"detected", "oci"}, {"path", files.name()}});
}

absl::Status WrongName(const ImageFiles& files, const std::string& ref_name, const std::set<std::string>& names) {
  std::vector<std::string> shown;
  for (const std::string& name : names) {
    if (shown.size() == 50) break;
    shown.push_back(absl::StrCat("'", Escaped(name.substr(0, 300)), "'"));
  }
  const std::string list = shown.empty() ? "none that has a name" : absl::StrJoin(shown, ", ");
  const std::string problem = ref_name.empty()
                                  ? absl::StrCat("holds several images; name the one that is meant: ", list)
                                  : absl::StrCat("holds no image called '", Escaped(ref_name), "'; it holds ", list);
  return Error(absl::StatusCode::kInvalidArgument, reason::kInvalidArgument,
               absl::StrCat(Escaped(files.name()), " ", problem, "."),
               {{"field", "ref_name"}, {"names", absl::StrJoin(names, " ")}, {"path", files.name()}});
}

absl::Status WrongPlatform(const ImageFiles& files, const Platform& wanted, const std::set<std::string>& offered) {
  return Error(absl::StatusCode::kFailedPrecondition, reason::kHostUnsupported,
               absl::StrCat(Escaped(files.name()), " holds an image for ", Escaped(absl::StrJoin(offered, ", ")),
                            ", and none for ", wanted.ToString(), "; this machine is ", HostPlatform().ToString(),
                            ". Take an image for it."),
               {{"missing", wanted.ToString()}, {"path", files.name()}});
}

class Chooser {
 public:
  Chooser(const ImageFiles& files, const Platform& platform, const std::string& ref_name)
      : files_(files), platform_(platform), ref_name_(ref_name) {}

  absl::StatusOr<ChosenImage> FromLayout() {
    ASSIGN_OR_RETURN(const std::string text, files_.ReadDocument("index.json"));
    ASSIGN_OR_RETURN(const Manifest index, ParseManifest(text, "", NameOf("index.json")));
    if (!index.is_index) return CorruptArchive(NameOf("index.json"), "it is no list of images");
    std::vector<Descriptor> manifests;
    std::copy_if(index.manifests.begin(), index.manifests.end(), std::back_inserter(manifests),
                 [](const Descriptor& one) { return one.is_image; });
    std::set<std::string> names;
    for (const Descriptor& one : manifests) names.insert(one.names.begin(), one.names.end());
    if (!ref_name_.empty()) {
      manifests.erase(std::remove_if(manifests.begin(), manifests.end(), [&](const auto& one) { return !Meant(one); }),
                      manifests.end());
      if (manifests.empty()) return WrongName(files_, ref_name_, names);
    }
    if (manifests.empty()) return NoImage(files_, "holds no image.");
    // One image for several platforms may lie here without an index of its own. Else each is an image, under one name
    // or several.
    const Descriptor& first = manifests[0];
    const bool one_image = std::all_of(manifests.begin(), manifests.end(), [&](const Descriptor& one) {
      return one.digest == first.digest || (one.platform && one.names == first.names);
    });
    if (!one_image) return WrongName(files_, "", names);
    if (!first.names.empty()) name_ = ref_name_.empty() ? first.names[0] : ref_name_;
    return FromDescriptors(manifests, 0);
  }

  // manifest.json, as 'docker save' writes it.
  absl::StatusOr<ChosenImage> FromDockerArchive() {
    ASSIGN_OR_RETURN(const std::string text, files_.ReadDocument("manifest.json"));
    ASSIGN_OR_RETURN(const Json json, ParseDocument(text, NameOf("manifest.json")));
    if (json.is_object()) {
      return NoImage(files_,
                     "is a folder as 'skopeo copy … dir:' makes it. Make an image layout: 'skopeo copy dir:FOLDER "
                     "oci:OTHER-FOLDER'.");
    }
    if (!json.is_array() || json.empty()) return CorruptArchive(NameOf("manifest.json"), "it is no list of images");
    std::set<std::string> names;
    const Json* meant = json.size() == 1 && ref_name_.empty() ? &json[0] : nullptr;
    for (const Json& image : json) {
      std::vector<std::string> tags;
      Fields fields(image, NameOf("manifest.json"));
      fields.Texts("RepoTags", tags);
      RETURN_IF_ERROR(fields.status());
      names.insert(tags.begin(), tags.end());
      if (!ref_name_.empty() && meant == nullptr &&
          std::any_of(tags.begin(), tags.end(), [&](const auto& tag) { return SameName(tag); })) {
        meant = &image;
      }
      if (meant == &image && !tags.empty()) name_ = ref_name_.empty() ? tags[0] : ref_name_;
    }
    if (meant == nullptr) return WrongName(files_, ref_name_, names);
    return FromDockerManifest(*meant);
  }

 private:
  std::string NameOf(std::string_view file) const { return absl::StrCat(files_.name(), ": ", std::string(file)); }

  // "12" and "debian:12" are meant by "debian:12"; "docker.io/library/debian:12", too.
  bool SameName(const std::string& name) const {
    return name == ref_name_ || absl::EndsWith(name, "/" + ref_name_) || absl::EndsWith(name, ":" + ref_name_);
  }
  bool Meant(const Descriptor& one) const {
    return one.digest == ref_name_ ||
           std::any_of(one.names.begin(), one.names.end(), [&](const auto& name) { return SameName(name); });
  }

  static std::string FileOf(const Descriptor& blob) { return BlobPath(*ParseDigest(blob.digest)); }

  absl::StatusOr<std::string> ReadBlob(const Descriptor& descriptor) {
    const std::string file = FileOf(descriptor);
    ASSIGN_OR_RETURN(std::string text, files_.ReadDocument(file));
    if (static_cast<int64_t>(text.size()) != descriptor.size || DigestText(sha_.Of(text)) != descriptor.digest) {
      return CorruptArchive(NameOf(file), "its content is not what its digest says");
    }
    return text;
  }

  absl::StatusOr<ChosenImage> FromDescriptors(const std::vector<Descriptor>& descriptors, int depth) {
    if (depth == kNestingMax) return CorruptArchive(files_.name(), "its indexes are nested too deeply");
    std::set<std::string> offered;
    const Descriptor* chosen = ChooseByPlatform(descriptors, platform_, offered);
    if (chosen == nullptr && offered.empty()) return NoImage(files_, "holds no image.");
    if (chosen == nullptr) return WrongPlatform(files_, platform_, offered);
    if (!IsManifestType(chosen->media_type)) {
      return NoImage(files_,
                     absl::StrCat("holds no container image, but '", Escaped(chosen->media_type.substr(0, 200)), "'."));
    }
    ASSIGN_OR_RETURN(const std::string text, ReadBlob(*chosen));
    ASSIGN_OR_RETURN(const Manifest manifest, ParseManifest(text, chosen->media_type, NameOf(FileOf(*chosen))));
    return manifest.is_index ? FromDescriptors(manifest.manifests, depth + 1) : FromManifest(manifest);
  }

  absl::StatusOr<ChosenImage> FromManifest(const Manifest& manifest) {
    ASSIGN_OR_RETURN(const std::string config, ReadBlob(manifest.config));
    ChosenImage image;
    for (const Descriptor& layer : manifest.layers) {
      const std::string& type = layer.media_type;
      if (absl::EndsWith(type, "+encrypted")) return NoImage(files_, "holds an encrypted image. Decrypt it first.");
      if (!absl::StartsWith(type, "application/vnd.oci.image.layer.") &&
          !absl::StartsWith(type, "application/vnd.docker.image.rootfs.")) {
        return NoImage(files_, absl::StrCat("holds no container image, but '", Escaped(type.substr(0, 200)), "'."));
      }
      image.layers.push_back({.file = FileOf(layer), .size = layer.size, .digest = ParseDigest(layer.digest)});
    }
    return Finish(std::move(image), config, FileOf(manifest.config));
  }

  absl::StatusOr<ChosenImage> FromDockerManifest(const Json& json) {
    std::string config;
    std::vector<std::string> layers;
    Fields fields(json, NameOf("manifest.json"));
    fields.Text("Config", config, /*required=*/true);
    fields.Texts("Layers", layers, /*required=*/true);
    RETURN_IF_ERROR(fields.status());
    if (layers.size() > kLayersMax) return CorruptArchive(files_.name(), "it has more than 500 layers");
    ASSIGN_OR_RETURN(const std::string text, files_.ReadDocument(config));
    if (const std::optional<Sha256Digest> digest = DigestInName(config); digest && sha_.Of(text) != *digest) {
      return CorruptArchive(NameOf(config), "its content is not what its digest says");
    }
    ChosenImage image;
    for (std::string& file : layers) {
      // The older "HEX/layer.tar" and "HEX.tar" are no digests of these files: the config's say what they hold.
      std::optional<Sha256Digest> digest;
      if (absl::StartsWith(file, "blobs/sha256/")) digest = DigestInName(file);
      ASSIGN_OR_RETURN(const FilePart part, files_.Open(file));
      image.layers.push_back({.file = std::move(file), .size = part.size, .digest = digest});
    }
    return Finish(std::move(image), text, config);
  }

  // Of a file that is called by its digest: "blobs/sha256/HEX", "HEX.json", "sha256:HEX".
  static std::optional<Sha256Digest> DigestInName(absl::string_view file) {
    if (!absl::ConsumePrefix(&file, "blobs/sha256/")) absl::ConsumePrefix(&file, "sha256:");
    absl::ConsumeSuffix(&file, ".json");
    return ParseDigest(absl::StrCat("sha256:", file));
  }

  absl::StatusOr<ChosenImage> Finish(ChosenImage image, const std::string& config_text, const std::string& config) {
    ASSIGN_OR_RETURN(ParsedConfig parsed, ParseImageConfig(config_text, NameOf(config)));
    if (image.layers.size() != parsed.diff_ids.size()) {
      return CorruptArchive(files_.name(), absl::StrCat("its manifest has ", image.layers.size(),
                                                        " layers, its config ", parsed.diff_ids.size()));
    }
    for (size_t i = 0; i < image.layers.size(); ++i) {
      ImageLayer& layer = image.layers[i];
      layer.diff_id = parsed.diff_ids[i];
      ASSIGN_OR_RETURN(const FilePart part, files_.Open(layer.file));
      if (part.size != layer.size) return CorruptArchive(NameOf(layer.file), "its size is not what the manifest says");
    }
    image.config = std::move(parsed.config);
    if (PlatformScore(platform_, image.config.platform) == 0) {
      return WrongPlatform(files_, platform_, {image.config.platform.ToString()});
    }
    image.config.ref_name = name_;
    return image;
  }

  const ImageFiles& files_;
  const Platform& platform_;
  const std::string& ref_name_;
  // The name of the image that was chosen.
  std::string name_;
  Sha256 sha_;
};

}  // namespace

absl::StatusOr<ChosenImage> ChooseImage(const ImageFiles& files, const Platform& platform,
                                        const std::string& ref_name) {
  Chooser chooser(files, platform, ref_name);
  if (files.Has("index.json")) return chooser.FromLayout();
  if (files.Has("manifest.json")) return chooser.FromDockerArchive();
  if (files.Has("repositories")) {
    return NoImage(files, "was made by a Docker older than 1.10. Load and save it again with a newer one.");
  }
  return NoImage(files, "holds no container image: it has neither 'index.json' nor 'manifest.json'.");
}

}  // namespace wslm
