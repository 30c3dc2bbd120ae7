// Manifests and indexes of container images, from registries, layouts and archives: OCI's (image specification,
// manifest.md and image-index.md) and Docker's (image manifest v2, schema 2). Thread-safe.
#ifndef WSLM_DISTROS_OCI_MANIFEST_H_
#define WSLM_DISTROS_OCI_MANIFEST_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "distros/oci/platform.h"

namespace wslm {

// Docker stops at 127.
inline constexpr size_t kLayersMax = 500;

// Digest and size are those of the bytes it names: what has others is not it.
struct Descriptor {
  std::string media_type;
  // "sha256:…", well-formed.
  std::string digest;
  int64_t size = 0;
  // Of an index's entries, where it is said.
  std::optional<Platform> platform;
  // That its annotations call it by.
  std::vector<std::string> names;
  // False for what buildkit adds to tell how an image came to be.
  bool is_image = true;
};

// One image, or the choice of several.
struct Manifest {
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

// Whether this is the media type of a manifest or an index.
bool IsManifestType(std::string_view media_type);

// `content_type` counts where the document doesn't say what it is; `name` is for messages. Errors: CORRUPT_SOURCE;
// UNSUPPORTED_FORMAT for Docker's schema 1 and what is no image.
absl::StatusOr<Manifest> ParseManifest(std::string_view text, std::string_view content_type, const std::string& name);

// Of an index's entries the one that serves `platform` best; when none says that it does, the first that says nothing
// of it: its config tells then. nullptr: there is none, and `offered` (of at most 20 entries) is what there is.
const Descriptor* ChooseByPlatform(const std::vector<Descriptor>& manifests, const Platform& platform,
                                   std::set<std::string>& offered);

}  // namespace wslm

#endif  // WSLM_DISTROS_OCI_MANIFEST_H_
