// Names and numbers that both ends of the VM must know.
#ifndef WSLM_RUNTIME_V2_MODULES_VM_NAMES_H_
#define WSLM_RUNTIME_V2_MODULES_VM_NAMES_H_

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>

namespace wslm {

// The host, and a way to all others, in the network that QEMU gives the VM (its documentation, "-netdev user").
inline constexpr char kHostAddress[] = "10.0.2.2";

// The VM's own, on all its devices.
inline constexpr char kVmAddress[] = "10.0.2.15";

// Where passt is used there is a second device, which has this address of Ethernet's, and all but what is QEMU's own
// goes by it to this gateway: one of the network above that QEMU doesn't use.
inline constexpr char kPasstDeviceMac[] = "52:54:00:12:34:57";
inline constexpr char kPasstGateway[] = "10.0.2.1";

// The virtio port of the control connection.
inline constexpr char kControlPort[] = "wslm.control";

// The world-wide number of the disk with the kernel's modules. 5: "locally assigned" would be 3 (NAA, SPC-5 7.7.3.6.4);
// QEMU passes the number on as it is.
inline constexpr uint64_t kModulesWwn = 0x3000'0000'0000'0001;

// How /sys/block/*/device/wwid shows a world-wide number.
inline std::string WwidOf(uint64_t wwn) {
  char text[32];
  std::snprintf(text, sizeof text, "naa.%016llx", static_cast<unsigned long long>(wwn));
  return text;
}

inline const std::string kModulesWwid = WwidOf(kModulesWwn);

// The host forwards no more ports than these: each costs QEMU a descriptor, and anybody in the VM can listen on
// thousands.
inline constexpr size_t kMostPorts = 256;

}  // namespace wslm

#endif  // WSLM_RUNTIME_V2_MODULES_VM_NAMES_H_
