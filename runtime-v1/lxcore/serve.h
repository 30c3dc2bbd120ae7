// Lxcore proper: answers the system calls of one running distro, until that ends. A process of its own, started by the
// guardian (guardian.h), which starts another when this one dies.
#ifndef WSLM_RUNTIME_V1_LXCORE_SERVE_H_
#define WSLM_RUNTIME_V1_LXCORE_SERVE_H_

#include <sys/types.h>

#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "distros/lxfs/lxfs.h"
#include "runtime-v1/lxcore/drvfs.h"

namespace wslm::lxcore {

// Numbers of what the guardian gives to lxcore. With ServeArguments, part of SharedState::kLayout: an older guardian
// may start a newer lxcore.
inline constexpr int kStateFd = 3;     // SharedState
inline constexpr int kListenerFd = 4;  // of the filter
inline constexpr int kInitFd = 5;      // pidfd of the distro's first process
inline constexpr int kFilesInFd = 6;   // the ends of KeptFiles
inline constexpr int kFilesOutFd = 7;
inline constexpr int kReadyFd = 8;  // gets "OK\n", or "ERROR reason\nmessage"

struct ServePlan {
  // Absolute; holds rootfs and metadata.db.
  std::string folder;
  SecondOwner second_owner;
  pid_t first_process = 0;
  bool fast_path = false;
  // Where it is noted what programs run into (limits.h); empty: nowhere.
  std::string limits;
  // Without mounts.
  Drvfs drvfs;
};

// The command line that ParseServeArguments understands, the program's name first.
std::vector<std::string> ServeArguments(const ServePlan& plan);
// False when `argument` is none of them.
bool ParseServeArgument(const std::string& argument, ServePlan& plan);

// Takes over what is under way and serves on threads of its own; the calling process has no other and is in the
// distro's user namespace. `ready` is called when it begins. Blocks until the distro ended, then writes what is not on
// the disk yet. The process must end then, by _exit: threads may still wait for calls that never come. Errors of the
// start: DISTRO_BROKEN, DISTRO_RUNNING, START_FAILED; those of the end: DISK_FULL, IO_ERROR.
absl::Status Serve(const ServePlan& plan, const std::function<void()>& ready);

}  // namespace wslm::lxcore

#endif  // WSLM_RUNTIME_V1_LXCORE_SERVE_H_
