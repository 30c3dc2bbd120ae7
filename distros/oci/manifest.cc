#include "distros/oci/manifest.h"

#include <map>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "distros/host/error.h"
#include "distros/host/status_macros.h"
#include "distros/oci/blob_digest.h"
#include "distros/oci/json_document.h"
#include "distros/tar/archive_reader.h"

namespace wslm {
namespace {

constexpr char kOciManifest[] = "application/vnd.oci.image.manifest.v1+json";
constexpr char kOciIndex[] = "application/vnd.oci.image.index.v1+json";
constexpr char kDockerManifest[] = "application/vnd.docker.distribution.manifest.v2+json";
constexpr char kDockerList[] = "application/vnd.docker.distribution.manifest.list.v2+json";
constexpr char kOciConfig[] = "application/vnd.oci.image.config.v1+json";
constexpr char kDockerConfig[] = "application/vnd.docker.container.image.v1+json";

constexpr size_t kManifestsMax = 1024;
constexpr int64_t kBlobMax = int64_t{1} << 40;
constexpr size_t kOfferedMax = 20;

bool IsIndexType(std::string_view type) { return type == kOciIndex || type == kDockerList; }
bool IsImageType(std::string_view type) { return type == kOciManifest || type == kDockerManifest; }

absl::Status Unsupported(const std::string& name, const std::string& detected, std::string_view message) {
  return Error(absl::StatusCode::kInvalidArgument, reason::kUnsupportedFormat,
               absl::StrCat(Escaped(name), " ", std::string(message)), {{"detected", detected}});
}

absl::StatusOr<Descriptor> ParseDescriptor(const Json& json, const std::string& name) {
  Descriptor descriptor;
  Fields fields(json, name);
  fields.Text("mediaType", descriptor.media_type);
  fields.Text("digest", descriptor.digest, /*required=*/true);
  fields.Integer("size", descriptor.size, /*required=*/true);
  if (const Json* json_platform = fields.Object("platform"); json_platform != nullptr) {
    Platform& platform = descriptor.platform.emplace();
    Fields inner(*json_platform, name);
    inner.Text("os", platform.os);
    inner.Text("architecture", platform.architecture);
    inner.Text("variant", platform.variant);
    RETURN_IF_ERROR(inner.status());
    if (platform.os.empty()) descriptor.platform.reset();
  }
  std::map<std::string, std::string> annotations;
  fields.TextMap("annotations", annotations);
  RETURN_IF_ERROR(fields.status());
  for (const char* key : {"io.containerd.image.name", "org.opencontainers.image.ref.name"}) {
    if (!annotations[key].empty()) descriptor.names.push_back(annotations[key]);
  }
  descriptor.is_image = annotations["vnd.docker.reference.type"].empty() &&
                        !(descriptor.platform && descriptor.platform->os == "unknown");
  if (!ParseDigest(descriptor.digest)) {
    return CorruptArchive(name, absl::StrCat("'", Escaped(descriptor.digest.substr(0, 200)), "' is no SHA-256 digest"));
  }
  if (descriptor.size > kBlobMax) return CorruptArchive(name, "it names something larger than 1 TiB");
  return descriptor;
}

absl::StatusOr<std::vector<Descriptor>> ParseList(const Json& list, size_t most, const char* of,
                                                  const std::string& name) {
  if (list.size() > most) return CorruptArchive(name, absl::StrCat("it has more than ", most, " ", of));
  std::vector<Descriptor> descriptors;
  for (const Json& entry : list) {
    ASSIGN_OR_RETURN(Descriptor descriptor, ParseDescriptor(entry, name));
    descriptors.push_back(std::move(descriptor));
  }
  return descriptors;
}

// Two descriptions of one digest that differ can't both be right.
absl::Status CheckSizes(const Manifest& manifest, const std::string& name) {
  std::map<std::string, int64_t> sizes = {{manifest.config.digest, manifest.config.size}};
  for (const Descriptor& layer : manifest.layers) {
    if (sizes.emplace(layer.digest, layer.size).first->second != layer.size) {
      return CorruptArchive(name, "it gives two sizes for one digest");
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<Manifest> ParseImage(const Json& config, const Json& layers, Manifest manifest,
                                    const std::string& name) {
  ASSIGN_OR_RETURN(manifest.config, ParseDescriptor(config, name));
  ASSIGN_OR_RETURN(manifest.layers, ParseList(layers, kLayersMax, "layers", name));
  const std::string& type = manifest.config.media_type;
  if (type != kOciConfig && type != kDockerConfig) {
    return Unsupported(
        name, type,
        absl::StrCat("is no container image, but something of the type '", Escaped(type.substr(0, 100)), "'."));
  }
  if (manifest.config.size > static_cast<int64_t>(kDocumentMax)) {
    return CorruptArchive(name, "its config is larger than 4 MiB");
  }
  RETURN_IF_ERROR(CheckSizes(manifest, name));
  return manifest;
}

// Without parameters: "; charset=utf-8" says nothing.
std::string Essence(absl::string_view content_type) {
  return absl::AsciiStrToLower(absl::StripAsciiWhitespace(content_type.substr(0, content_type.find(';'))));
}

}  // namespace

std::vector<Descriptor> Manifest::Blobs() const {
  std::vector<Descriptor> blobs;
  std::set<std::string> seen;
  const auto add = [&](const Descriptor& blob) {
    if (seen.insert(blob.digest).second) blobs.push_back(blob);
  };
  add(config);
  for (const Descriptor& layer : layers) add(layer);
  return blobs;
}

bool IsManifestType(std::string_view media_type) { return IsIndexType(media_type) || IsImageType(media_type); }

absl::StatusOr<Manifest> ParseManifest(std::string_view text, std::string_view content_type, const std::string& name) {
  ASSIGN_OR_RETURN(const Json json, ParseDocument(text, name));
  Manifest manifest;
  int64_t schema = 2;
  Fields fields(json, name);
  fields.Text("mediaType", manifest.media_type);
  fields.Integer("schemaVersion", schema);
  const Json* list = fields.List("manifests");
  const Json* config = fields.Object("config");
  const Json* layers = fields.List("layers");
  RETURN_IF_ERROR(fields.status());
  std::string& type = manifest.media_type;
  if (type.empty()) type = Essence({content_type.data(), content_type.size()});
  if (schema == 1 || absl::StartsWith(type, "application/vnd.docker.distribution.manifest.v1")) {
    return Unsupported(name, "Docker image manifest, schema 1",
                       "is kept in Docker's old form (schema 1), which wslm doesn't read. Ask for a newer image, or "
                       "push it anew with a present tool.");
  }
  // One that can be read as both would be another image to another reader.
  if (list != nullptr && (config != nullptr || layers != nullptr)) {
    return CorruptArchive(name, "it is an image and a list of images at once");
  }
  if (list == nullptr && (config == nullptr || layers == nullptr)) {
    return CorruptArchive(name, "it is neither an image nor a list of images");
  }
  manifest.is_index = list != nullptr;
  if (manifest.is_index ? IsImageType(type) : IsIndexType(type)) {
    return CorruptArchive(name, "it is not of the type that it says");
  }
  // A server that says "application/json": the shape decides.
  if (!IsManifestType(type)) type = manifest.is_index ? kOciIndex : kOciManifest;
  if (!manifest.is_index) return ParseImage(*config, *layers, std::move(manifest), name);
  ASSIGN_OR_RETURN(manifest.manifests, ParseList(*list, kManifestsMax, "images", name));
  return manifest;
}

const Descriptor* ChooseByPlatform(const std::vector<Descriptor>& manifests, const Platform& platform,
                                   std::set<std::string>& offered) {
  const Descriptor* best = nullptr;
  const Descriptor* unsaid = nullptr;
  int best_score = 0;
  for (const Descriptor& one : manifests) {
    if (!one.is_image) continue;
    if (!one.platform) {
      if (unsaid == nullptr) unsaid = &one;
      continue;
    }
    if (offered.size() < kOfferedMax) offered.insert(one.platform->ToString());
    const int score = PlatformScore(platform, *one.platform);
    if (score <= best_score) continue;
    best_score = score;
    best = &one;
  }
  return best != nullptr ? best : unsaid;
}

}  // namespace wslm
