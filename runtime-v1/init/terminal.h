// A session's pseudo-terminal, made inside the distro so that `tty` names it.
#ifndef WSLM_RUNTIME_V1_INIT_TERMINAL_H_
#define WSLM_RUNTIME_V1_INIT_TERMINAL_H_

#include <sys/types.h>

#include "distros/host/unique_fd.h"
#include "wslm/runtime/v1/runtime.pb.h"

namespace wslm::init {

struct Terminal {
  // Ours: non-blocking.
  UniqueFd master;
  // The session's.
  UniqueFd slave;
};

// Opens one that `uid` owns. Both descriptors are close-on-exec; no controlling terminal is taken. False (errno): there
// is no usable /dev/ptmx.
bool OpenTerminal(uid_t uid, gid_t gid, const ::wslm::runtime::v1::WindowSize& window, Terminal& terminal);

// Sizes of 0 are not set. The foreground group gets SIGWINCH from the kernel.
void ResizeTerminal(int master, const ::wslm::runtime::v1::WindowSize& window);

}  // namespace wslm::init

#endif  // WSLM_RUNTIME_V1_INIT_TERMINAL_H_
