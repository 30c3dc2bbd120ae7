// An OCI image layout in a folder (image specification 1.1): oci-layout, index.json, blobs/sha256/…
//
// What is not complete lies in .partial/ under its digest, so that another pull goes on with it.
#ifndef WSLM_DISTROS_OCI_REGISTRY_LAYOUT_FOLDER_H_
#define WSLM_DISTROS_OCI_REGISTRY_LAYOUT_FOLDER_H_

#include <functional>
#include <set>
#include <string>

#include "absl/status/statusor.h"
#include "distros/host/unique_fd.h"
#include "distros/oci/manifest.h"
#include "distros/oci/registry/stop.h"
#include "distros/tree/sha256.h"

namespace wslm::oci::registry {

// Thread-safe for different blobs. Errors of all: DISK_FULL, IO_ERROR.
class LayoutFolder {
 public:
  explicit LayoutFolder(std::string path) : path_(std::move(path)) {}

  const std::string& path() const { return path_; }
  // `digest` is well-formed.
  std::string BlobPath(const std::string& digest) const;
  std::string PartialPath(const std::string& digest) const;

  // Makes what lacks. Error: FILE_EXISTS when the folder holds what no layout does: it is somebody's.
  absl::Status Prepare() const;
  // Whether the blob is there and right: all of it is read. One that is there and wrong is an error of none.
  absl::StatusOr<bool> Holds(const Descriptor& blob, const Stop& stop) const;
  // Bytes of it that are there, right or not: for an estimate.
  int64_t BytesOf(const Descriptor& blob) const;
  absl::Status Put(const std::string& digest, const std::string& bytes) const;
  // The blob, read whole. Errors: those of OpenBlob; CORRUPT_SOURCE when it has another digest or size.
  absl::StatusOr<std::string> Read(const Descriptor& blob) const;
  // For reading; no link is followed. Error: CORRUPT_SOURCE when it is missing or has another size.
  absl::StatusOr<UniqueFd> OpenBlob(const Descriptor& blob) const;

  // Makes this the one image of the folder, and removes the blobs of others and what is partial. Last of all.
  absl::Status Finish(const Manifest& image, const Descriptor& manifest, const Platform& platform,
                      const std::string& tag) const;

 private:
  absl::Status RemoveOthers(const std::set<std::string>& digests) const;

  const std::string path_;
};

// Adds `size` bytes of the file from its beginning to the hash. `on_read` (may be empty) is told how many came. Errors:
// IO_ERROR, also when it ends before; CANCELLED.
absl::Status HashFile(int fd, int64_t size, const std::string& path, const Stop& stop, Sha256& hash,
                      const std::function<void(int64_t)>& on_read = {});

}  // namespace wslm::oci::registry

#endif  // WSLM_DISTROS_OCI_REGISTRY_LAYOUT_FOLDER_H_
