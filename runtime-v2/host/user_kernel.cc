#include "runtime-v2/host/user_kernel.h"

#include <unistd.h>

#include <string_view>

#include "absl/strings/str_cat.h"
#include "distros/host/error.h"
#include "distros/host/files.h"
#include "distros/host/remove_tree.h"
#include "distros/host/status_macros.h"
#include "runtime-v2/host/file_identity.h"
#include "runtime-v2/host/machine.h"

namespace wslm {
namespace {

using std::string_view_literals::operator""sv;

constexpr size_t kLargestKernel = size_t{512} << 20;
constexpr std::string_view kElf = "\177ELF";
// What each kernel says of itself; the release follows.
constexpr std::string_view kBanner = "Linux version "sv;

absl::Status Unavailable(const std::string& path, std::string_view why) {
  return Error(absl::StatusCode::kFailedPrecondition, reason::kKernelUnavailable,
               absl::StrCat("The kernel ", Escaped(path), " can't be used: ", std::string(why)), {{"path", path}});
}

// Empty when it says none. The first banner may be a format ("%s").
std::string ReleaseIn(std::string_view kernel) {
  for (size_t at = kernel.find(kBanner); at != std::string_view::npos; at = kernel.find(kBanner, at + 1)) {
    const std::string_view rest = kernel.substr(at + kBanner.size(), 100);
    const std::string_view release = rest.substr(0, rest.find(' '));
    if (!release.empty() && release[0] >= '0' && release[0] <= '9') return std::string(release);
  }
  return "";
}

}  // namespace

absl::StatusOr<Kernel> EnsureUserKernel(const std::string& path, const std::string& cache_folder) {
  if (!path.starts_with('/')) return Unavailable(path, "its path is not absolute.");
  auto bytes = ReadSmallFile(path, kLargestKernel);
  if (!bytes.ok()) return Unavailable(path, std::string(bytes.status().message()));
  Kernel kernel{.vmlinux = path};
  if (!bytes->starts_with(kElf)) {
    // One is kept, and known by what it was made of.
    const std::string folder = cache_folder + "/kernel/user";
    const auto identity = FileIdentity(path);
    if (!identity.ok()) return Unavailable(path, std::string(identity.status().message()));
    kernel.vmlinux = absl::StrCat(folder, "/vmlinux-", NameOfIdentity(*identity));
    if (!PathExists(kernel.vmlinux)) {
      const std::string unfinished = absl::StrCat(kernel.vmlinux, ".", ::getpid());
      RETURN_IF_ERROR(MakeFolders(folder));
      RETURN_IF_ERROR(EmptyFolder(folder));
      const absl::Status unpacked = HostMachine().unpack_kernel(*bytes, unfinished);
      if (!unpacked.ok()) return Unavailable(path, std::string(unpacked.message()));
      if (::rename(unfinished.c_str(), kernel.vmlinux.c_str()) != 0) return ErrnoError("cannot rename", unfinished);
    }
    ASSIGN_OR_RETURN(bytes, ReadSmallFile(kernel.vmlinux, kLargestKernel));
  }
  kernel.release = ReleaseIn(*bytes);
  if (kernel.release.empty()) return Unavailable(path, "it is no Linux kernel.");
  if (const auto ready = ReadyKernelOf(kernel.release, cache_folder)) {
    kernel.modules_image = ready->modules_image;
    kernel.boot_modules = ready->boot_modules;
  }
  return kernel;
}

}  // namespace wslm
