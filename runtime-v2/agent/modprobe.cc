#include "runtime-v2/agent/modprobe.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <vector>

#include "distros/host/error.h"
#include "distros/host/files.h"
#include "distros/host/status_macros.h"
#include "distros/host/unique_fd.h"
#include "runtime-v2/agent/boot.h"
#include "runtime-v2/agent/log.h"
#include "runtime-v2/modules/module_index.h"

namespace wslm {
namespace {

constexpr size_t kLargestIndex = size_t{16} << 20;

}  // namespace

absl::Status LoadModules(const std::vector<std::string>& names_or_aliases) {
  const std::string folder = "/lib/modules/" + KernelRelease() + "/";
  ASSIGN_OR_RETURN(const std::string dep, ReadSmallFile(folder + "modules.dep", kLargestIndex));
  ASSIGN_OR_RETURN(const std::string alias, ReadSmallFile(folder + "modules.alias", kLargestIndex));
  ASSIGN_OR_RETURN(const std::string softdep, ReadSmallFile(folder + "modules.softdep", kLargestIndex));
  absl::Status result;
  for (const std::string& name : names_or_aliases) {
    const std::vector<std::string> order = FindLoadOrder({dep, alias, softdep}, name);
    if (order.empty()) {
      result.Update(
          Error(absl::StatusCode::kNotFound, reason::kFileNotFound, "There is no kernel module " + name + "."));
    }
    for (const std::string& path : order) {
      const UniqueFd module(::open((folder + path).c_str(), O_RDONLY | O_CLOEXEC));
      // A variant for another processor says ENODEV; the next may do.
      const bool loaded =
          module && (::syscall(SYS_finit_module, module.get(), "", 0) == 0 || errno == EEXIST || errno == ENODEV);
      if (!loaded) result.Update(ErrnoError("cannot load", path));
    }
  }
  return result;
}

int ModprobeMain(int argc, char** argv) {
  std::string wanted;
  for (int i = 1; i < argc; ++i) {
    if (argv[i][0] != '-') wanted = argv[i];
  }
  const absl::Status status = LoadModules({wanted});
  if (!absl::IsNotFound(status)) LogIfError("modprobe", status);
  return status.ok() ? 0 : 1;
}

}  // namespace wslm
