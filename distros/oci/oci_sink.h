// Writes a distro as a container image: one layer with all files, config, manifest and index (OCI image specification
// 1.0), as a folder to push from or as an archive that 'podman load', 'skopeo' and 'docker load' take.
//
// The same entries in the same order with the same options give the same bytes. Losses are a tar's (sockets), and files
// whose name begins with ".wh.", which a layer would take for a removal.
#ifndef WSLM_DISTROS_OCI_OCI_SINK_H_
#define WSLM_DISTROS_OCI_OCI_SINK_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "distros/host/byte_stream.h"
#include "distros/oci/pack.h"
#include "distros/tree/sink.h"

namespace wslm {

struct OciExport {
  // "amd64", "arm64"; empty: this machine's.
  std::string architecture;
  std::vector<std::string> env;
  std::string user;
  std::string working_dir;
  std::vector<std::string> entrypoint;
  std::vector<std::string> cmd;
  std::map<std::string, std::string> labels;
  // "80/tcp".
  std::vector<std::string> exposed_ports;
  // "SIGTERM"; empty: not said.
  std::string stop_signal;
  // The image's name, "debian:12" or "registry.example/team/debian:12"; empty: none.
  std::string ref_name;
  // RFC 3339; empty: not said.
  std::string created;
  LayerCompression compression = LayerCompression::kGzip;
  // For an archive: told about how large it will be before the first byte of it is written; an error ends it. May be
  // empty.
  std::function<absl::Status(int64_t size)> before_archive;
};

// An OCI image layout in `folder`, which is made when it is not there and must be empty. Errors: INVALID_ARGUMENT for
// texts that an image can't hold; FILE_EXISTS; DISK_FULL; IO_ERROR.
absl::StatusOr<std::unique_ptr<Sink>> CreateOciSink(const std::string& folder, const OciExport& options);

// The same as a tar archive with Docker's manifest.json beside. The layer waits for its digest in a file without a name
// in the folder `scratch`; all is written to `archive` in Commit.
absl::StatusOr<std::unique_ptr<Sink>> CreateOciArchiveSink(std::unique_ptr<ByteSink> archive,
                                                           const std::string& scratch, const OciExport& options);

}  // namespace wslm

#endif  // WSLM_DISTROS_OCI_OCI_SINK_H_
