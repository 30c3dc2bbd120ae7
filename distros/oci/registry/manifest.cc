#include "distros/oci/registry/manifest.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "distros/host/error.h"
#include "distros/host/status_macros.h"
#include "distros/oci/registry/reference.h"
#include "distros/tree/sha256.h"

namespace wslm::oci::registry {
namespace {

using Json = nlohmann::json;

constexpr char kOciManifest[] = "application/vnd.oci.image.manifest.v1+json";
constexpr char kOciIndex[] = "application/vnd.oci.image.index.v1+json";
constexpr char kDockerManifest[] = "application/vnd.docker.distribution.manifest.v2+json";
constexpr char kDockerList[] = "application/vnd.docker.distribution.manifest.list.v2+json";
constexpr char kOciConfig[] = "application/vnd.oci.image.config.v1+json";
constexpr char kDockerConfig[] = "application/vnd.docker.container.image.v1+json";

constexpr size_t kMostManifests = 1024;
constexpr size_t kMostLayers = 512;
constexpr int64_t kLargestBlob = int64_t{1} << 40;
constexpr int kDeepest = 64;

absl::Status Corrupt(const std::string& name, const std::string& why) {
  return Error(absl::StatusCode::kDataLoss, reason::kCorruptSource,
               absl::StrCat("The manifest of ", name, " is broken: ", why, ". Nothing was kept."),
               {{"detail", std::string(why)}});
}

absl::Status Unsupported(const std::string& name, const std::string& detected, const std::string& message) {
  return Error(absl::StatusCode::kInvalidArgument, reason::kUnsupportedFormat, absl::StrCat(name, " ", message),
               {{"detected", std::string(detected)}});
}

// Whether brackets nest no deeper than anything of ours needs: before the parser makes objects of them.
bool IsShallow(absl::string_view text) {
  int depth = 0;
  bool quoted = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted) {
      if (c == '\\') ++i;
      if (c == '"') quoted = false;
    } else if (c == '"') {
      quoted = true;
    } else if (c == '{' || c == '[') {
      if (++depth > kDeepest) return false;
    } else if (c == '}' || c == ']') {
      --depth;
    }
  }
  return true;
}

std::string TextOf(const Json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

absl::StatusOr<Descriptor> ParseDescriptor(const Json& object, const std::string& name) {
  if (!object.is_object()) return Corrupt(name, "an entry is no object");
  Descriptor descriptor{.media_type = TextOf(object, "mediaType"), .digest = TextOf(object, "digest")};
  if (!IsSha256Digest(descriptor.digest)) return Corrupt(name, "an entry has no sha256 digest");
  const auto size = object.find("size");
  // Larger numbers than int64 are floats or unsigned: both fail the comparison or the test.
  if (size == object.end() || !size->is_number_integer() || size->get<int64_t>() < 0 ||
      size->get<int64_t>() > kLargestBlob) {
    return Corrupt(name, "an entry has no sensible size");
  }
  descriptor.size = size->get<int64_t>();
  if (const auto platform = object.find("platform"); platform != object.end() && platform->is_object()) {
    descriptor.platform =
        Platform{TextOf(*platform, "os"), TextOf(*platform, "architecture"), TextOf(*platform, "variant")};
  }
  if (const auto notes = object.find("annotations"); notes != object.end() && notes->is_object()) {
    descriptor.attestation = !TextOf(*notes, "vnd.docker.reference.type").empty();
  }
  return descriptor;
}

absl::StatusOr<std::vector<Descriptor>> ParseList(const Json& list, size_t most, const std::string& name) {
  if (!list.is_array()) return Corrupt(name, "a list is none");
  if (list.size() > most) return Corrupt(name, absl::StrCat("it has more than ", most, " entries"));
  std::vector<Descriptor> descriptors;
  for (const Json& entry : list) {
    ASSIGN_OR_RETURN(Descriptor descriptor, ParseDescriptor(entry, name));
    descriptors.push_back(std::move(descriptor));
  }
  return descriptors;
}

// Without parameters: "; charset=utf-8" says nothing.
std::string Essence(absl::string_view content_type) {
  return absl::AsciiStrToLower(absl::StripAsciiWhitespace(content_type.substr(0, content_type.find(';'))));
}

// Two descriptions of one digest that differ can't both be right.
absl::Status CheckSizes(const Document& document, const std::string& name) {
  std::map<std::string, int64_t> sizes = {{document.config.digest, document.config.size}};
  for (const Descriptor& layer : document.layers) {
    if (sizes.emplace(layer.digest, layer.size).first->second != layer.size) {
      return Corrupt(name, "it gives two sizes for one digest");
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<Document> ParseImage(const Json& json, Document document, const std::string& name) {
  const auto config = json.find("config");
  const auto layers = json.find("layers");
  if (config == json.end() || layers == json.end()) return Corrupt(name, "it has no configuration or no layers");
  ASSIGN_OR_RETURN(document.config, ParseDescriptor(*config, name));
  ASSIGN_OR_RETURN(document.layers, ParseList(*layers, kMostLayers, name));
  if (document.config.media_type != kOciConfig && document.config.media_type != kDockerConfig) {
    return Unsupported(name, document.config.media_type,
                       absl::StrCat("is no container image but something of the type '",
                                    Escaped(document.config.media_type.substr(0, 100)), "'."));
  }
  if (document.config.size > kConfigLimit) return Corrupt(name, "its configuration is larger than any has to be");
  RETURN_IF_ERROR(CheckSizes(document, name));
  return document;
}

}  // namespace

const char kAcceptManifests[] =
    "Accept: application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, "
    "application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.docker.distribution.manifest.v2+json";

std::vector<Descriptor> Document::Blobs() const {
  std::vector<Descriptor> blobs;
  std::set<std::string> seen;
  const auto add = [&](const Descriptor& blob) {
    if (seen.insert(blob.digest).second) blobs.push_back(blob);
  };
  add(config);
  for (const Descriptor& layer : layers) add(layer);
  return blobs;
}

absl::StatusOr<Document> ParseDocument(absl::string_view bytes, absl::string_view content_type,
                                       const std::string& name) {
  if (bytes.size() > kManifestLimit) return Corrupt(name, "it has more than 4 MiB");
  if (!IsShallow(bytes)) return Corrupt(name, "it is nested too deeply");
  const Json json = Json::parse(bytes, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return Corrupt(name, "it is no JSON object");
  Document document;
  document.media_type = TextOf(json, "mediaType");
  if (document.media_type.empty()) document.media_type = Essence(content_type);
  if (absl::StartsWith(document.media_type, "application/vnd.docker.distribution.manifest.v1") ||
      (json.contains("schemaVersion") && json["schemaVersion"] == 1)) {
    return Unsupported(
        name, "Docker image manifest, schema 1",
        "is kept in Docker's old form (schema 1), which wslm doesn't read. Ask for a newer image, or push "
        "it anew with a present tool.");
  }
  // One that can be read as both would be another image to another reader.
  const bool has_manifests = json.contains("manifests");
  const bool has_layers = json.contains("layers") || json.contains("config");
  if (has_manifests && has_layers) return Corrupt(name, "it is an image and a list of images at once");
  if (!has_manifests && !has_layers) return Corrupt(name, "it is neither an image nor a list of images");
  document.is_index = has_manifests;
  const std::string& type = document.media_type;
  const bool index_type = type == kOciIndex || type == kDockerList;
  const bool image_type = type == kOciManifest || type == kDockerManifest;
  if ((index_type && !document.is_index) || (image_type && document.is_index)) {
    return Corrupt(name, "it is not of the type that it says");
  }
  // A server that says "application/json": the shape decides.
  if (!index_type && !image_type) document.media_type = document.is_index ? kOciIndex : kOciManifest;
  if (!document.is_index) return ParseImage(json, std::move(document), name);
  ASSIGN_OR_RETURN(document.manifests, ParseList(json["manifests"], kMostManifests, name));
  return document;
}

absl::StatusOr<Descriptor> Choose(const Document& index, const Platform& platform, const std::string& name) {
  const Descriptor* best = nullptr;
  int best_score = 0;
  std::vector<std::string> offered;
  for (const Descriptor& entry : index.manifests) {
    if (entry.attestation || !entry.platform) continue;
    if (offered.size() < 20) offered.push_back(Escaped(entry.platform->ToString().substr(0, 60)));
    const int score = PlatformScore(platform, *entry.platform);
    if (score <= best_score) continue;
    best_score = score;
    best = &entry;
  }
  // A list of one that doesn't say for what.
  if (best == nullptr && index.manifests.size() == 1 && !index.manifests[0].platform) best = &index.manifests[0];
  if (best != nullptr) return *best;
  return Error(absl::StatusCode::kNotFound, reason::kFileNotFound,
               absl::StrCat("There is no image for ", platform.ToString(), " in ", name,
                            "; there is: ", offered.empty() ? "none" : absl::StrJoin(offered, ", "), "."),
               {{"path", name}});
}

absl::StatusOr<Platform> PlatformOfConfig(absl::string_view bytes, const std::string& name) {
  if (!IsShallow(bytes)) return Corrupt(name, "its configuration is nested too deeply");
  const Json json = Json::parse(bytes, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return Corrupt(name, "its configuration is no JSON object");
  Platform platform{TextOf(json, "os"), TextOf(json, "architecture"), TextOf(json, "variant")};
  if (platform.os.empty() || platform.architecture.empty()) {
    return Corrupt(name, "its configuration doesn't say for which machine it is");
  }
  return platform;
}

std::string DigestOfBytes(absl::string_view bytes) {
  const Sha256Digest digest = Sha256().Of({bytes.data(), bytes.size()});
  return absl::StrCat("sha256:", absl::BytesToHexString({reinterpret_cast<const char*>(digest.data()), digest.size()}));
}

}  // namespace wslm::oci::registry
