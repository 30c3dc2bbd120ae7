#include "runtime-v2/agent/host_folders.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <cerrno>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "distros/host/error.h"
#include "distros/host/files.h"
#include "distros/host/unique_fd.h"

namespace wslm {
namespace {

constexpr char kHostTag[] = "host";
// In the agent's own tree, which is memory.
constexpr char kTurn[] = "/run/wslm-host-turn";
// Of the modes that never show a stale file the quickest; another can be named on the kernel's command line
// (docs/files.md).
constexpr char kHostCache[] = "mmap";
constexpr absl::string_view kHostCacheWord = "wslm.host_cache=";

std::string HostOptions() {
  const std::string words = ReadSmallFile("/proc/cmdline").value_or("");
  absl::string_view cache = kHostCache;
  for (absl::string_view word : absl::StrSplit(words, absl::ByAnyChar(" \n"))) {
    // A comma would begin an option of its own.
    if (absl::ConsumePrefix(&word, kHostCacheWord) && !absl::StrContains(word, ',')) cache = word;
  }
  return absl::StrCat("trans=virtio,version=9p2000.L,msize=524288,cache=", cache);
}

}  // namespace

absl::Status MountHost() {
  ::mkdir(kHostFolder, 0755);
  // Distros that start at once: the device is busy while one of them is about to mount it.
  const UniqueFd turn(::open(kTurn, O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!turn || ::flock(turn.get(), LOCK_EX) != 0) return ErrnoError("cannot lock", kTurn);
  if (HostIsMounted()) return absl::OkStatus();
  if (::mount(kHostTag, kHostFolder, "9p", MS_NOSUID | MS_NODEV, HostOptions().c_str()) == 0) return absl::OkStatus();
  if (errno != EBUSY) return ErrnoError("cannot mount", kHostFolder);
  return Error(absl::StatusCode::kFailedPrecondition, reason::kDistroRunning,
               "Something in the VM, as an overlay or a mount namespace, keeps the host's files, and is to be seen "
               "nowhere. The distros lack the host's folders until it is gone.");
}

bool HostIsMounted() {
  struct statx status {};
  return ::statx(AT_FDCWD, kHostFolder, AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT, STATX_TYPE, &status) == 0 &&
         (status.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
}

}  // namespace wslm
