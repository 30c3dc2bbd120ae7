#include "runtime-v2/host/kernel_fetch.h"

#include <dirent.h>

#include <optional>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "distros/host/error.h"
#include "runtime-v2/host/deb_package.h"
#include "runtime-v2/host/machine.h"
#include "runtime-v2/host/process.h"

namespace wslm {
namespace {

constexpr absl::Duration kQueryTimeout = absl::Seconds(60);
constexpr absl::Duration kFetchTimeout = absl::Minutes(30);

absl::Status Unavailable(std::string_view message) {
  return Error(absl::StatusCode::kFailedPrecondition, reason::kKernelUnavailable, message);
}

std::optional<std::string> DebIn(const std::string& folder) {
  std::optional<std::string> found;
  DIR* directory = ::opendir(folder.c_str());
  if (directory == nullptr) return found;
  while (const dirent* entry = ::readdir(directory)) {
    if (std::string_view(entry->d_name).ends_with(".deb")) found = folder + "/" + entry->d_name;
  }
  ::closedir(directory);
  return found;
}

}  // namespace

absl::StatusOr<std::string> FetchKernelPackage(const std::string& folder) {
  const std::string apt_get = FindProgram("apt-get");
  const std::string apt_cache = FindProgram("apt-cache");
  const Machine& machine = HostMachine();
  if (apt_get.empty() || apt_cache.empty()) {
    return Unavailable(
        absl::StrCat("The VM's kernel is taken from a Debian package, and this host has no apt: set WSLM_KERNEL_DEB to "
                     "the path of a package ",
                     machine.kernel_packages, "."));
  }
  const auto depends = RunProgram({apt_cache, "depends", machine.kernel_package}, kQueryTimeout);
  const std::string package = depends.ok() ? KernelPackageIn(*depends) : "";
  if (package.empty()) {
    return Unavailable(absl::StrCat("apt knows no package ", machine.kernel_package,
                                    ", from which the VM's kernel is taken: run 'sudo apt-get update', or set "
                                    "WSLM_KERNEL_DEB to the path of a package ",
                                    machine.kernel_packages, "."));
  }
  const auto fetched = RunProgram({apt_get, "download", "-q", package}, kFetchTimeout, folder);
  const std::optional<std::string> path = DebIn(folder);
  if (fetched.ok() && path) return *path;
  return Unavailable("The VM's kernel can't be fetched (" +
                     (fetched.ok() ? std::string("apt-get left no file") : std::string(fetched.status().message())) +
                     "): try 'apt-get download " + package +
                     "', run 'sudo apt-get update' when it knows no such package, or set WSLM_KERNEL_DEB to its path.");
}

}  // namespace wslm
