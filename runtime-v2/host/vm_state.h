// What QEMU says of a VM's devices, out of it and into it. The memory lies in a file of ours and is not touched.
#ifndef WSLM_RUNTIME_V2_HOST_VM_STATE_H_
#define WSLM_RUNTIME_V2_HOST_VM_STATE_H_

#include "absl/status/status.h"
#include "runtime-v2/host/qmp.h"

namespace wslm {

// Writes the state to the file `fd`, empty, whose descriptor QEMU gets. The VM stands still from then on. Blocks.
// Errors: INTERNAL with QEMU's words, DEADLINE_EXCEEDED, UNAVAILABLE; QEMU writes nothing any more then.
absl::Status SaveVmState(Qmp& qmp, int fd);

// Reads the state from QEMU's own descriptor `fd`, in a QEMU that was started to wait for it; the VM runs then. Blocks.
// Errors: the same; a QEMU that can't make sense of the state ends.
absl::Status LoadVmState(Qmp& qmp, int fd);

// Has a VM that stands still because its state was saved, or was to be, run again. One that runs is left alone. Blocks.
// Errors: INTERNAL with QEMU's words, UNAVAILABLE.
absl::Status ResumeVm(Qmp& qmp);

}  // namespace wslm

#endif  // WSLM_RUNTIME_V2_HOST_VM_STATE_H_
