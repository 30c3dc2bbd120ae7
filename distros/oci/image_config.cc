#include "distros/oci/image_config.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "distros/host/error.h"
#include "distros/host/status_macros.h"
#include "distros/oci/blob_digest.h"
#include "distros/oci/json_document.h"
#include "distros/tar/archive_reader.h"

namespace wslm {

absl::StatusOr<ParsedConfig> ParseImageConfig(std::string_view text, std::string_view name) {
  ASSIGN_OR_RETURN(const Json json, ParseDocument(text, name));
  ParsedConfig parsed;
  ImageConfig& config = parsed.config;
  Fields fields(json, std::string(name));
  fields.Text("os", config.platform.os, /*required=*/true);
  fields.Text("architecture", config.platform.architecture, /*required=*/true);
  fields.Text("variant", config.platform.variant);
  fields.Text("created", config.created);
  if (const Json* run = fields.Object("config"); run != nullptr) {
    Fields inner(*run, absl::StrCat(std::string(name), ", within its field 'config',"));
    inner.Texts("Env", config.env);
    inner.Text("User", config.user);
    inner.Text("WorkingDir", config.working_dir);
    inner.Texts("Entrypoint", config.entrypoint);
    inner.Texts("Cmd", config.cmd);
    inner.TextMap("Labels", config.labels);
    inner.Text("StopSignal", config.stop_signal);
    // An object whose keys are the ports and whose values say nothing.
    if (const Json* ports = inner.Object("ExposedPorts"); ports != nullptr) {
      for (const auto& [port, nothing] : ports->items()) config.exposed_ports.push_back(port);
    }
    RETURN_IF_ERROR(inner.status());
  }
  std::vector<std::string> diff_ids;
  if (const Json* rootfs = fields.Object("rootfs", /*required=*/true); rootfs != nullptr) {
    Fields inner(*rootfs, absl::StrCat(std::string(name), ", within its field 'rootfs',"));
    inner.Texts("diff_ids", diff_ids);
    RETURN_IF_ERROR(inner.status());
  }
  RETURN_IF_ERROR(fields.status());
  for (const std::string& diff_id : diff_ids) {
    const std::optional<Sha256Digest> digest = ParseDigest(diff_id);
    if (!digest) return CorruptArchive(name, "it names a layer by what is no SHA-256 digest");
    parsed.diff_ids.push_back(*digest);
  }
  return parsed;
}

}  // namespace wslm
