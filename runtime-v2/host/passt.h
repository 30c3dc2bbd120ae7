// passt, a program of the host by which the VM goes out into the network, quicker than by QEMU's user network, which
// does the rest: ports, the host's address, names. It is used where it is installed.
//
//   VmNetwork network = ChooseNetwork(settings.network);
//   PasstStart passt = StartPasst(network.passt);   // then QEMU with passt.wire
//
// QEMU needs to know the backend "stream" (7.2).
#ifndef WSLM_RUNTIME_V2_HOST_PASST_H_
#define WSLM_RUNTIME_V2_HOST_PASST_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "distros/config/user_config.h"
#include "distros/host/unique_fd.h"

namespace wslm {

// How a VM is to go out.
struct VmNetwork {
  // The program; empty: by QEMU's user network.
  std::string passt;
  // Why not by passt, as a sentence; empty when it is used.
  std::string reason;
};

// For a VM that is started. Thread-safe.
VmNetwork ChooseNetwork(UserConfig::Network wanted);
// For one that goes on with the devices that it has: whether passt still is there is seen when it is started.
VmNetwork NetworkAgain(bool passt);

struct PasstStart {
  // QEMU's end of the connection. passt ends when it is closed.
  UniqueFd wire;
  // Why there is nobody at the other end.
  absl::Status status;
};

// Starts it in the background, with no rights of ours but to make connections; as root it becomes "nobody". Returns
// when it is ready (some 15 ms) or has failed; error: IO_ERROR where there are no descriptors. Thread-safe.
absl::StatusOr<PasstStart> StartPasst(const std::string& program);

// Whether somebody is at the other end, by what QEMU's monitor says to "info network".
bool PasstIsThere(std::string_view info);

}  // namespace wslm

#endif  // WSLM_RUNTIME_V2_HOST_PASST_H_
