// Fetches an image from a container registry into a folder (OCI distribution specification 1.1, Docker registry v2).
//
//   ASSIGN_OR_RETURN(const ImageReference image, ParseReference("debian:12"));
//   ASSIGN_OR_RETURN(const PullResult pulled, PullImage(image, folder, {.cancel = &cancel, .progress = …}));
#ifndef WSLM_DISTROS_OCI_REGISTRY_PULL_H_
#define WSLM_DISTROS_OCI_REGISTRY_PULL_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "distros/oci/registry/options.h"
#include "distros/oci/registry/reference.h"

namespace wslm::oci::registry {

struct PullResult {
  // Of the image's own manifest, not of the list it was chosen from.
  std::string manifest_digest;
  std::string media_type;
  Platform platform;
  // Of configuration and layers.
  int64_t bytes = 0;
  // Of these, what came over the network this time.
  int64_t fetched_bytes = 0;
};

// Makes `folder`, with the folders above it where they lack, an OCI image layout of this one image. The folder is the
// pull's own: new, empty, or that of a pull before, whose blobs are used where they are right and removed where they
// are of another image. After an error it holds what can be gone on with, and no index.json that wasn't there; it is
// the caller's to remove. Blobs are checked before they get their name, and not forced to the disk.
//
// Blocks; call it on a worker thread. Thread-safe for different folders.
//
// Errors: FILE_NOT_FOUND (no such image, or none for the platform), PERMISSION_DENIED, NETWORK (UNAVAILABLE: another
// try may help; FAILED_PRECONDITION: it won't), CORRUPT_SOURCE, UNSUPPORTED_FORMAT, DISK_FULL, FILE_EXISTS (the folder
// holds other things), INVALID_ARGUMENT (a file of options), CANCELLED, IO_ERROR.
absl::StatusOr<PullResult> PullImage(const ImageReference& image, const std::string& folder,
                                     const PullOptions& options);

}  // namespace wslm::oci::registry

#endif  // WSLM_DISTROS_OCI_REGISTRY_PULL_H_
