// What a container image says about itself beside its files (OCI image specification, config.md).
#ifndef WSLM_DISTROS_OCI_IMAGE_CONFIG_H_
#define WSLM_DISTROS_OCI_IMAGE_CONFIG_H_

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "distros/oci/platform.h"
#include "distros/tree/sha256.h"

namespace wslm {

// All of it comes from the image: texts to show escaped, wishes to be weighed, nothing that may choose what the host
// does.
struct ImageConfig {
  Platform platform;
  // "KEY=VALUE", without zero bytes.
  std::vector<std::string> env;
  // "name", "uid", "name:group" or "uid:gid"; empty: root.
  std::string user;
  std::string working_dir;
  std::vector<std::string> entrypoint;
  std::vector<std::string> cmd;
  std::map<std::string, std::string> labels;
  // "80/tcp", "53/udp", "8080".
  std::vector<std::string> exposed_ports;
  // "SIGTERM", "15"; empty: not said.
  std::string stop_signal;
  // RFC 3339; empty: not said.
  std::string created;
  // The name that the image was taken by, where it has one: "debian:12", "12".
  std::string ref_name;
};

struct ParsedConfig {
  ImageConfig config;
  // SHA-256 of each layer unpacked, the lowest first.
  std::vector<Sha256Digest> diff_ids;
};

// The document that an image's manifest calls its config. `name` is for messages. Error: CORRUPT_SOURCE.
absl::StatusOr<ParsedConfig> ParseImageConfig(std::string_view text, std::string_view name);

}  // namespace wslm

#endif  // WSLM_DISTROS_OCI_IMAGE_CONFIG_H_
