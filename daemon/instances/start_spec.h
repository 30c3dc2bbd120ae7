// What a runtime is told of a distro when it starts it.
#ifndef WSLM_DAEMON_INSTANCES_START_SPEC_H_
#define WSLM_DAEMON_INSTANCES_START_SPEC_H_

#include "distros/registry/registry.h"
#include "wslm/runtime/v1/instance.h"

namespace wslm::daemon {

// From the record and, for v1, the host's name resolution (RuntimeV2 fills in the VM's). What can't be read of the host
// is left to the distro's own files.
runtime::v1::StartSpec MakeStartSpec(const RegistryEntry& entry);

}  // namespace wslm::daemon

#endif  // WSLM_DAEMON_INSTANCES_START_SPEC_H_
