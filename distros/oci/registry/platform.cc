#include "distros/oci/registry/platform.h"

#include <sys/utsname.h>

#include <algorithm>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "distros/host/error.h"

namespace wslm::oci::registry {
namespace {

struct Machine {
  absl::string_view uname;
  absl::string_view architecture;
};
constexpr Machine kMachines[] = {{"x86_64", "amd64"},    {"aarch64", "arm64"},      {"armv7l", "arm"},
                                 {"armv8l", "arm"},      {"armv6l", "arm"},         {"i386", "386"},
                                 {"i686", "386"},        {"ppc64le", "ppc64le"},    {"s390x", "s390x"},
                                 {"riscv64", "riscv64"}, {"loongarch64", "loong64"}};

// The variant that an image without one has.
absl::string_view CommonVariant(absl::string_view architecture) {
  if (architecture == "amd64") return "v1";
  if (architecture == "arm") return "v7";
  if (architecture == "arm64") return "v8";
  return "";
}

bool IsWord(absl::string_view text) {
  return !text.empty() && text.size() <= 64 && std::all_of(text.begin(), text.end(), [](char c) {
    return absl::ascii_islower(c) || absl::ascii_isdigit(c) || c == '.' || c == '-';
  });
}

}  // namespace

std::string Platform::ToString() const {
  return absl::StrCat(os, "/", architecture, variant.empty() ? "" : "/", variant);
}

Platform HostPlatform() {
  struct utsname host;
  if (::uname(&host) != 0) return {.os = "linux", .architecture = "amd64"};
  const auto* machine = std::find_if(std::begin(kMachines), std::end(kMachines),
                                     [&](const Machine& known) { return known.uname == host.machine; });
  const absl::string_view architecture = machine != std::end(kMachines) ? machine->architecture : host.machine;
  return {.os = "linux", .architecture = std::string(architecture)};
}

absl::StatusOr<Platform> ParsePlatform(const std::string& text) {
  std::vector<std::string> parts = absl::StrSplit(text, '/');
  if (parts.size() == 1) parts.insert(parts.begin(), "linux");
  if (parts.size() > 3 || !std::all_of(parts.begin(), parts.end(), IsWord)) {
    return Error(absl::StatusCode::kInvalidArgument, reason::kInvalidArgument,
                 absl::StrCat("'", Escaped(text), "' is no platform. Say for instance linux/amd64 or linux/arm/v7."),
                 {{"field", "platform"}});
  }
  return Platform{parts[0], parts[1], parts.size() == 3 ? parts[2] : ""};
}

int PlatformScore(const Platform& wanted, const Platform& offered) {
  if (wanted.os != offered.os || wanted.architecture != offered.architecture) return 0;
  const absl::string_view common = CommonVariant(offered.architecture);
  const absl::string_view variant = offered.variant.empty() ? common : absl::string_view(offered.variant);
  if (!wanted.variant.empty()) return wanted.variant == variant ? 3 : 0;
  // A variant above the common one may need what this processor lacks.
  return variant == common ? 3 : variant < common ? 2 : 1;
}

}  // namespace wslm::oci::registry
