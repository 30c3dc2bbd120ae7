#include "runtime-v2/agent/sleep.h"

#include <fcntl.h>
#include <unistd.h>

#include "absl/strings/str_cat.h"
#include "distros/host/error.h"
#include "distros/host/status_macros.h"
#include "distros/host/unique_fd.h"
#include "runtime-v2/agent/cgroup.h"
#include "runtime-v2/agent/container.h"
#include "runtime-v2/agent/file.h"
#include "runtime-v2/agent/host_holders.h"
#include "runtime-v2/agent/host_mounts.h"
#include "runtime-v2/agent/host_overlays.h"
#include "runtime-v2/agent/log.h"

namespace wslm {
namespace {

absl::Status Freeze(const std::map<std::string, std::string>& distros) {
  for (const auto& [id, name] : distros) {
    const absl::Status frozen = FreezeCgroup(id);
    if (!frozen.ok()) return WithContext(frozen, absl::StrCat("'", Escaped(name), "'"));
  }
  return absl::OkStatus();
}

// sync(2) would wait for file systems of programs that are frozen.
void SyncDisks(const std::map<std::string, std::string>& distros) {
  for (const auto& [id, name] : distros) {
    const UniqueFd root(::open(RootOf(id).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (root) ::syncfs(root.get());
  }
}

}  // namespace

absl::Status PutDistrosToSleep(const std::map<std::string, std::string>& distros) {
  // Most of what there is to write is written before anything stands still.
  SyncDisks(distros);
  // Asks file systems whose programs would not answer any more.
  ASSIGN_OR_RETURN(const OtherOverlays overlays, CheckOverlays());
  RETURN_IF_ERROR(Freeze(distros));
  RETURN_IF_ERROR(CheckNobodyHoldsHost(distros));
  ASSIGN_OR_RETURN(const auto mounts, FindHostMounts(overlays));
  RETURN_IF_ERROR(UnmountHost(mounts));
  SyncDisks(distros);
  LogIfError("sleep", WriteInOne("/proc/sys/vm/drop_caches", "3"));
  // Larger pieces of free memory are given back to the host, smaller ones not.
  LogIfError("sleep", WriteInOne("/proc/sys/vm/compact_memory", "1"));
  return absl::OkStatus();
}

void ThawDistros(const std::map<std::string, std::string>& distros) {
  for (const auto& [id, name] : distros) LogIfError("wake", ThawCgroup(id));
}

}  // namespace wslm
