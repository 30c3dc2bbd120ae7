// What two VMs must have in common for one to go on from where the other stood.
#ifndef WSLM_RUNTIME_V2_HOST_SNAPSHOT_KEY_H_
#define WSLM_RUNTIME_V2_HOST_SNAPSHOT_KEY_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "runtime-v2/host/qemu_command.h"

namespace wslm {

// QEMU's build, all of its options but paths of sockets and logs, the files that it boots from, the host's processor.
// The clock's rate is not in it, since no two measurements are alike: SnapshotHead has it. Errors: NOT_FOUND when QEMU
// doesn't tell its build, or a file isn't there.
absl::StatusOr<std::string> SnapshotKey(QemuOptions options);

// The same less what it boots from: the state of a VM that runs can be taken over by another QEMU of this.
absl::StatusOr<std::string> MachineKey(QemuOptions options);

// The build id in an ELF file of 64 bits (a note of owner "GNU" and type 3), in hexadecimal digits; empty when it has
// none. Takes any bytes, of which the notes are among the first 64 KiB as linkers place them.
std::string BuildIdIn(std::string_view elf);

}  // namespace wslm

#endif  // WSLM_RUNTIME_V2_HOST_SNAPSHOT_KEY_H_
