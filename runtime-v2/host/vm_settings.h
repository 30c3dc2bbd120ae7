// What the VM is given: the user's configuration where it says something that this host has, else our choice.
#ifndef WSLM_RUNTIME_V2_HOST_VM_SETTINGS_H_
#define WSLM_RUNTIME_V2_HOST_VM_SETTINGS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "distros/config/user_config.h"

namespace wslm {

struct VmSettings {
  int64_t memory_mib = 1024;
  int processors = 1;
  // Of the user's own kernel; empty: Debian's.
  std::string kernel;
  // 0: no swap.
  int64_t swap_bytes = 0;
  // Words for the end of the kernel's command line.
  std::string kernel_command_line;
  // The host's 127.0.0.1 has the ports that programs in the VM listen on.
  bool localhost_forwarding = true;
  UserConfig::Network network = UserConfig::Network::kAuto;
};

// Unsaid: half of the host's memory, 512 MiB to 4 GiB; the processors that this process may run on, at most 32. A value
// that the host can't give becomes the nearest that it can, with a sentence added to `warnings`.
VmSettings ChooseVmSettings(const UserConfig& config, std::vector<std::string>& warnings);

}  // namespace wslm

#endif  // WSLM_RUNTIME_V2_HOST_VM_SETTINGS_H_
