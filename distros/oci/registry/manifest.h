// Manifests and indexes: OCI's and Docker's (image manifest v2, schema 2).
#ifndef WSLM_DISTROS_OCI_REGISTRY_MANIFEST_H_
#define WSLM_DISTROS_OCI_REGISTRY_MANIFEST_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "distros/oci/platform.h"

namespace wslm::oci::registry {

inline constexpr size_t kManifestLimit = size_t{4} << 20;
// What an image's configuration may have; its descriptor says how much it has.
inline constexpr int64_t kConfigLimit = int64_t{8} << 20;
// The header Accept for both kinds in both dialects.
extern const char kAcceptManifests[];

// Digest and size are those of the bytes it names: what has others is not it.
struct Descriptor {
  std::string media_type;
  // "sha256:…", well-formed.
  std::string digest;
  int64_t size = 0;
  // Of an index's entries.
  std::optional<Platform> platform;
  // Says something of an image (how it was built) and is none.
  bool attestation = false;
};

// One image, or the choice of several.
struct Document {
  std::string media_type;
  bool is_index = false;
  // An image's.
  Descriptor config;
  std::vector<Descriptor> layers;
  // An index's.
  std::vector<Descriptor> manifests;

  // Config and layers, each digest once.
  std::vector<Descriptor> Blobs() const;
};

// `content_type` counts where the document doesn't say what it is; `name` is for messages. Errors: CORRUPT_SOURCE;
// UNSUPPORTED_FORMAT for Docker's schema 1 and what is no image. Thread-safe.
absl::StatusOr<Document> ParseDocument(absl::string_view bytes, absl::string_view content_type,
                                       const std::string& name);

// The entry of an index that serves `platform` best. Error: FILE_NOT_FOUND, naming what there is.
absl::StatusOr<Descriptor> Choose(const Document& index, const Platform& platform, const std::string& name);

// For which machine an image's configuration says that it is. Error: CORRUPT_SOURCE.
absl::StatusOr<Platform> PlatformOfConfig(absl::string_view bytes, const std::string& name);

// "sha256:…" of `bytes`.
std::string DigestOfBytes(absl::string_view bytes);

}  // namespace wslm::oci::registry

#endif  // WSLM_DISTROS_OCI_REGISTRY_MANIFEST_H_
