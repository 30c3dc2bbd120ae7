#include "runtime-v1/lxcore/host_check.h"

#include <linux/seccomp.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <string>

#include "distros/host/error.h"
#include "distros/host/status_macros.h"
#include "runtime-v1/lxcore/filter.h"
#include "runtime-v1/lxcore/user_namespace.h"

namespace wslm::lxcore {
namespace {

absl::Status Missing(const std::string& what) {
  const std::string why = std::strerror(errno);
  return Error(absl::StatusCode::kFailedPrecondition, reason::kHostUnsupported, what + " (" + why + ").");
}

}  // namespace

absl::Status CheckHost() {
  RETURN_IF_ERROR(EnterUserNamespace());
  if (::unshare(CLONE_NEWNS) != 0 || ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) {
    return NoRightsInNamespace();
  }
  struct statx root;
  if (::statx(AT_FDCWD, "/", 0, STATX_MNT_ID, &root) != 0 || !(root.stx_mask & STATX_MNT_ID)) {
    return Missing("The host's kernel does not tell mounts apart: v1 needs Linux 5.8 or newer");
  }
  absl::StatusOr<UniqueFd> listener = InstallFilter({BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)});
  if (!listener.ok() && ReasonOf(listener.status()) != reason::kHostUnsupported) {
    return Missing("The host's kernel has no seccomp user notification: v1 needs Linux 5.8 or newer");
  }
  return listener.status();
}

}  // namespace wslm::lxcore
