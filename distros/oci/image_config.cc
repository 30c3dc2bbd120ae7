#include "distros/oci/image_config.h"

#include <sys/utsname.h>

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
namespace {

// Go's name of an architecture that Linux calls otherwise.
std::string ArchitectureName(std::string_view machine) {
  constexpr std::pair<std::string_view, std::string_view> kNames[] = {
      {"x86_64", "amd64"}, {"x86-64", "amd64"}, {"aarch64", "arm64"}, {"i386", "386"},
      {"i686", "386"},     {"armv7l", "arm"},   {"armv6l", "arm"},    {"loongarch64", "loong64"},
  };
  for (const auto& [linux_name, go_name] : kNames) {
    if (machine == linux_name) return std::string(go_name);
  }
  return std::string(machine);
}

}  // namespace

std::string Platform::ToString() const {
  return absl::StrCat(os, "/", architecture, variant.empty() ? "" : "/", variant);
}

bool Platform::Takes(const Platform& offered) const {
  if (os != offered.os || architecture != ArchitectureName(offered.architecture)) return false;
  // 64-bit ARM knows one variant, said or not.
  return variant.empty() || variant == offered.variant || (architecture == "arm64" && offered.variant.empty());
}

Platform HostPlatform() {
  struct utsname names = {};
  ::uname(&names);
  return {.os = "linux", .architecture = ArchitectureName(names.machine)};
}

absl::StatusOr<Platform> ParsePlatform(std::string_view text) {
  std::vector<std::string> parts = absl::StrSplit(std::string(text), '/');
  if (parts.size() == 1) parts.insert(parts.begin(), "linux");
  const bool whole = parts.size() <= 3 && !parts[0].empty() && !parts[1].empty();
  if (!whole || parts[0] != "linux") {
    return Error(absl::StatusCode::kInvalidArgument, reason::kInvalidArgument,
                 absl::StrCat("'", Escaped(text), "' is no platform. Say one as 'linux/amd64' or 'linux/arm64'."),
                 {{"field", "platform"}});
  }
  return Platform{parts[0], ArchitectureName(parts[1]), parts.size() == 3 ? parts[2] : ""};
}

absl::StatusOr<ParsedConfig> ParseImageConfig(std::string_view text, std::string_view name) {
  ASSIGN_OR_RETURN(const Json json, ParseDocument(text, name));
  ParsedConfig parsed;
  ImageConfig& config = parsed.config;
  Fields fields(json, std::string(name));
  fields.Text("os", config.platform.os);
  fields.Text("architecture", config.platform.architecture);
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
