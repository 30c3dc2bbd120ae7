// Gets one blob into a layout folder.
#ifndef WSLM_DISTROS_OCI_REGISTRY_BLOB_DOWNLOAD_H_
#define WSLM_DISTROS_OCI_REGISTRY_BLOB_DOWNLOAD_H_

#include <cstdint>
#include <functional>

#include "absl/status/status.h"
#include "distros/oci/manifest.h"
#include "distros/oci/registry/http_client.h"
#include "distros/oci/registry/layout_folder.h"
#include "distros/oci/registry/session.h"

namespace wslm::oci::registry {

// Nothing is fetched of what is there and right; what is partial goes on where it ended. The blob has its name only
// when size and digest are those of `blob`. `on_bytes` is told how many bytes more (or fewer: those that have to come
// again) are there, `on_fetched` how many came over the network. Errors: CORRUPT_SOURCE, and nothing of the blob is
// kept; those of Session, DISK_FULL and IO_ERROR, and what came is kept.
absl::Status DownloadBlob(Session& session, HttpClient& client, const LayoutFolder& layout, const Descriptor& blob,
                          const std::function<void(int64_t)>& on_bytes, const std::function<void(int64_t)>& on_fetched);

}  // namespace wslm::oci::registry

#endif  // WSLM_DISTROS_OCI_REGISTRY_BLOB_DOWNLOAD_H_
