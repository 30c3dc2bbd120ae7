// Reads a distro from a container image on the disk: an OCI image layout (a folder, or packed as a tar: an
// "oci-archive"), or what 'docker save' and 'podman save' write (a "docker-archive", old and new).
//
//   ASSIGN_OR_RETURN(OciImage image, OpenOciSource("/tmp/debian.tar", {.scratch = "/var/tmp"}));
//   ASSIGN_OR_RETURN(auto result, Transfer(*image.source, *sink, {}));
//
// Opening reads all layers once, the highest first: that tells which entries are in the final tree, and all digests are
// checked before anything is given out. The source then reads them a second time, the lowest first, and gives out each
// entry once, checking again. Archives are read in place; only one that is compressed as a whole is unpacked, to a file
// without a name in the scratch folder. Memory: see layer_plan.h, about 100 bytes a name.
#ifndef WSLM_DISTROS_OCI_OCI_SOURCE_H_
#define WSLM_DISTROS_OCI_OCI_SOURCE_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "distros/oci/image_config.h"
#include "distros/tree/limits.h"
#include "distros/tree/source.h"
#include "distros/tree/transfer.h"

namespace wslm {

struct OciSourceOptions {
  // "linux/arm64"; empty: this machine's. An image for another is refused, so one for another machine has to be asked
  // for.
  std::string platform;
  // Which image, when there are several: a name or tag as the image has it, or a digest of its manifest ("sha256:...").
  std::string ref_name;
  // Where a compressed archive is unpacked to.
  std::string scratch = "/var/tmp";
  // How far what is packed may expand; the other limits are Transfer's to hold.
  Limits limits;
  // May be null; outlives the source.
  const CancelFlag* cancel = nullptr;
  // Called while it is opened, at most ten times a second, with the bytes of layers read.
  std::function<void(const TransferProgress&)> progress;
};

struct OciImage {
  std::unique_ptr<Source> source;
  ImageConfig config;
};

// Errors: FILE_NOT_FOUND; UNSUPPORTED_FORMAT when it is no container image; CORRUPT_SOURCE, a wrong digest among its
// causes; INVALID_ARGUMENT, which lists the names, when it holds several images and none of them is chosen, or none of
// that name; HOST_UNSUPPORTED when it is for another architecture; DISK_FULL; CANCELLED; IO_ERROR.
absl::StatusOr<OciImage> OpenOciSource(const std::string& path, const OciSourceOptions& options);

}  // namespace wslm

#endif  // WSLM_DISTROS_OCI_OCI_SOURCE_H_
