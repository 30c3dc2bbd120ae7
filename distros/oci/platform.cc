#include "distros/oci/platform.h"

#include <sys/utsname.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "distros/host/error.h"

namespace wslm {
namespace {

// Go's name of an architecture that Linux calls otherwise.
std::string ArchitectureName(std::string_view machine) {
  constexpr std::pair<std::string_view, std::string_view> kNames[] = {
      {"x86_64", "amd64"}, {"x86-64", "amd64"}, {"aarch64", "arm64"}, {"i386", "386"},           {"i686", "386"},
      {"armv8l", "arm"},   {"armv7l", "arm"},   {"armv6l", "arm"},    {"loongarch64", "loong64"}};
  for (const auto& [linux_name, go_name] : kNames) {
    if (machine == linux_name) return std::string(go_name);
  }
  return std::string(machine);
}

// The variant that an image without one has.
std::string_view CommonVariant(std::string_view architecture) {
  if (architecture == "amd64") return "v1";
  if (architecture == "arm") return "v7";
  if (architecture == "arm64") return "v8";
  return "";
}

bool IsWord(std::string_view text) {
  return !text.empty() && text.size() <= 64 && std::all_of(text.begin(), text.end(), [](char c) {
    return absl::ascii_islower(c) || absl::ascii_isdigit(c) || c == '.' || c == '-';
  });
}

}  // namespace

std::string Platform::ToString() const {
  return absl::StrCat(os, "/", architecture, variant.empty() ? "" : "/", variant);
}

Platform HostPlatform() {
  struct utsname host = {};
  ::uname(&host);
  return {.os = "linux", .architecture = ArchitectureName(host.machine)};
}

absl::StatusOr<Platform> ParsePlatform(std::string_view text) {
  std::vector<std::string> parts = absl::StrSplit(std::string(text), '/');
  if (parts.size() == 1) parts.insert(parts.begin(), "linux");
  parts[1] = ArchitectureName(parts[1]);
  if (parts.size() > 3 || parts[0] != "linux" || !std::all_of(parts.begin(), parts.end(), IsWord)) {
    return Error(absl::StatusCode::kInvalidArgument, reason::kInvalidArgument,
                 absl::StrCat("'", Escaped(text), "' is no platform. Say one as 'linux/amd64' or 'linux/arm/v7'."),
                 {{"field", "platform"}});
  }
  return Platform{parts[0], parts[1], parts.size() == 3 ? parts[2] : ""};
}

int PlatformScore(const Platform& wanted, const Platform& offered) {
  const std::string architecture = ArchitectureName(offered.architecture);
  if (wanted.os != offered.os || wanted.architecture != architecture) return 0;
  const std::string_view common = CommonVariant(architecture);
  const std::string_view variant = offered.variant.empty() ? common : std::string_view(offered.variant);
  if (!wanted.variant.empty()) return wanted.variant == variant ? 3 : 0;
  // A variant above the common one may need what this processor lacks.
  return variant == common ? 3 : variant < common ? 2 : 1;
}

}  // namespace wslm
