// Sends an image from a folder to a container registry (OCI distribution specification 1.1, Docker registry v2).
//
//   ASSIGN_OR_RETURN(const PushResult pushed, PushImage(folder, image, {.credentials = …}));
#ifndef WSLM_DISTROS_OCI_REGISTRY_PUSH_H_
#define WSLM_DISTROS_OCI_REGISTRY_PUSH_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "distros/oci/registry/options.h"
#include "distros/oci/registry/reference.h"

namespace wslm::oci::registry {

struct PushResult {
  std::string manifest_digest;
  // Of configuration and layers.
  int64_t bytes = 0;
  // Of these, what the registry didn't have.
  int64_t sent_bytes = 0;
};

// Asks the registry whether it takes the image from whom the options name: begins to send a part and takes that back.
// For before the image is made, which may take minutes. Errors: PERMISSION_DENIED, NETWORK (as for PullImage),
// INVALID_ARGUMENT, CANCELLED.
absl::Status CheckPush(const ImageReference& image, const RegistryOptions& options);

// Sends the image of an OCI image layout; of several, that for the options' platform. What the registry has already is
// not sent again; its manifest goes last, so that the name never leads to half an image. `image` with a digest must
// have the manifest's. The folder is only read.
//
// Blocks; call it on a worker thread. Thread-safe.
//
// Errors: FILE_NOT_FOUND (no layout there, or none for the platform), CORRUPT_SOURCE (a blob is not what its name
// says), UNSUPPORTED_FORMAT, PERMISSION_DENIED, NETWORK (as for PullImage), INVALID_ARGUMENT, CANCELLED, IO_ERROR.
absl::StatusOr<PushResult> PushImage(const std::string& folder, const ImageReference& image,
                                     const PushOptions& options);

}  // namespace wslm::oci::registry

#endif  // WSLM_DISTROS_OCI_REGISTRY_PUSH_H_
