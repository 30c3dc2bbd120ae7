// What lies on the host and can be imported, as a source of entries: opened by what it holds, not by its name.
#ifndef WSLM_DAEMON_OPERATIONS_HOST_SOURCE_H_
#define WSLM_DAEMON_OPERATIONS_HOST_SOURCE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "distros/host/byte_stream.h"
#include "distros/oci/image_config.h"
#include "distros/tree/limits.h"
#include "distros/tree/source.h"
#include "distros/tree/transfer.h"

namespace wslm::daemon {

struct HostSourceOptions {
  // A folder for what has to be unpacked or copied first; nothing of it stays there under a name.
  std::string scratch = "/var/tmp";
  // Of several container images the one, by name or tag.
  std::string image;
  // "linux/arm64"; empty: this machine's.
  std::string platform;
  // What it may cost to unpack a container image.
  Limits limits;
  // May be null; outlives the source.
  const CancelFlag* cancel = nullptr;
};

struct HostSource {
  std::unique_ptr<Source> source;
  // Bytes of the file; 0 for a folder.
  int64_t size = 0;
  // Of a container image.
  std::optional<ImageConfig> config;
};

// A tar, a disk image, a container image's archive or folder. `path` is absolute. Errors: FILE_NOT_FOUND,
// PERMISSION_DENIED, UNSUPPORTED_FORMAT, CORRUPT_SOURCE, those of OpenDiskSource and OpenOciSource.
absl::StatusOr<HostSource> OpenHostSource(const std::string& path, const HostSourceOptions& options);

// The same of a stream, which is first written to a file without a name in the scratch folder where it must be read in
// more than one piece. `name` is for messages.
absl::StatusOr<HostSource> OpenStreamSource(std::unique_ptr<ByteSource> bytes, const std::string& name,
                                            const HostSourceOptions& options);

}  // namespace wslm::daemon

#endif  // WSLM_DAEMON_OPERATIONS_HOST_SOURCE_H_
