// Sends one blob of a layout folder.
#ifndef WSLM_DISTROS_OCI_REGISTRY_BLOB_UPLOAD_H_
#define WSLM_DISTROS_OCI_REGISTRY_BLOB_UPLOAD_H_

#include <cstdint>
#include <functional>

#include "absl/status/statusor.h"
#include "distros/oci/manifest.h"
#include "distros/oci/registry/http_client.h"
#include "distros/oci/registry/layout_folder.h"
#include "distros/oci/registry/session.h"

namespace wslm::oci::registry {

// False when the registry had it already. The blob is read and checked before anything of it is sent. Up to
// `chunk_size` it goes in one piece, above in several; after a break the registry is asked how much it has. `on_bytes`
// is told how many bytes more (or fewer) are there. Errors: CORRUPT_SOURCE when the blob is not what its name says;
// those of Session.
absl::StatusOr<bool> UploadBlob(Session& session, HttpClient& client, const LayoutFolder& layout,
                                const Descriptor& blob, int64_t chunk_size,
                                const std::function<void(int64_t)>& on_bytes);

}  // namespace wslm::oci::registry

#endif  // WSLM_DISTROS_OCI_REGISTRY_BLOB_UPLOAD_H_
