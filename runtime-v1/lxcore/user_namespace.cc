#include "runtime-v1/lxcore/user_namespace.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cstring>
#include <string>

#include "distros/host/error.h"
#include "distros/host/files.h"
#include "distros/host/status_macros.h"

namespace wslm::lxcore {
namespace {

// "0\n" and the like; empty when there is no such setting.
std::string SettingOf(const std::string& name) {
  auto text = ReadSmallFile("/proc/sys/" + name);
  if (!text.ok()) return "";
  while (text->ends_with('\n')) text->pop_back();
  return *text;
}

absl::Status Unsupported(int error) {
  std::string remedy;
  if (SettingOf("kernel/unprivileged_userns_clone") == "0") {
    remedy = "kernel.unprivileged_userns_clone is 0: 'sudo sysctl -w kernel.unprivileged_userns_clone=1' allows them";
  } else if (SettingOf("user/max_user_namespaces") == "0") {
    remedy = "user.max_user_namespaces is 0: 'sudo sysctl -w user.max_user_namespaces=10000' allows them";
  } else if (SettingOf("kernel/apparmor_restrict_unprivileged_userns") == "1") {
    remedy =
        "kernel.apparmor_restrict_unprivileged_userns is 1: "
        "'sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0' allows them";
  } else if (error == ENOSPC || error == EUSERS) {
    remedy = "too many exist, or user.max_user_namespaces is too small";
  } else {
    remedy = "it runs in a chroot, a container or under a rule of a security module that forbids them";
  }
  return Error(absl::StatusCode::kFailedPrecondition, reason::kHostUnsupported,
               "This host does not let an ordinary user make user namespaces (" + std::string(std::strerror(error)) +
                   "): " + remedy + ".");
}

absl::Status WriteMap(const char* path, const std::string& text) {
  UniqueFd file(::open(path, O_WRONLY | O_CLOEXEC));
  if (!file || ::write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
    return Unsupported(errno);
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status NoRightsInNamespace() { return Unsupported(errno); }

absl::Status EnterUserNamespace() {
  const uid_t uid = ::geteuid();
  const gid_t gid = ::getegid();
  if (::unshare(CLONE_NEWUSER) != 0) return Unsupported(errno);
  RETURN_IF_ERROR(WriteMap("/proc/self/setgroups", "deny"));
  RETURN_IF_ERROR(WriteMap("/proc/self/uid_map", "0 " + std::to_string(uid) + " 1"));
  RETURN_IF_ERROR(WriteMap("/proc/self/gid_map", "0 " + std::to_string(gid) + " 1"));
  // Else nobody, lxcore's own /proc/self included, may look into this process and those it forks.
  if (::prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) != 0) return ErrnoError("cannot set", "PR_SET_DUMPABLE");
  return absl::OkStatus();
}

}  // namespace wslm::lxcore
