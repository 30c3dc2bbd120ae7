// Mount options as mount(8) writes them, for mount(2).
#ifndef WSLM_RUNTIME_V2_AGENT_MOUNT_OPTIONS_H_
#define WSLM_RUNTIME_V2_AGENT_MOUNT_OPTIONS_H_

#include <string>
#include <string_view>

namespace wslm {

struct MountOptions {
  // MS_…
  unsigned long flags = 0;
  // The file system's own, apart by commas.
  std::string data;
};

// Thread-safe.
MountOptions ParseMountOptions(std::string_view options);

}  // namespace wslm

#endif  // WSLM_RUNTIME_V2_AGENT_MOUNT_OPTIONS_H_
