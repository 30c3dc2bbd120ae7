// What a daemon must know of a VM that an earlier one started: run/v2/vm.json.
#ifndef WSLM_RUNTIME_V2_HOST_VM_RECORD_H_
#define WSLM_RUNTIME_V2_HOST_VM_RECORD_H_

#include <sys/types.h>

#include <compare>
#include <cstdint>
#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "wslm/runtime/v1/disk_host.h"

namespace wslm {

// A distro's disk in the VM.
struct VmDisk {
  // Its SCSI target and the number of its fdset; QMP's names are made of it.
  int slot = 0;
  std::string wwid;
  // The image's path.
  std::string image;
  // QEMU's for the image's format.
  std::string driver = "raw";

  friend bool operator==(const VmDisk&, const VmDisk&) = default;
};

struct VmPort {
  uint16_t number = 0;
  bool udp = false;

  friend auto operator<=>(const VmPort&, const VmPort&) = default;
};

// A disk that is no distro's own.
struct VmSharedDisk {
  VmDisk disk;
  runtime::v1::SharedDisk shown;
  // It is in the distros, too; a daemon that died before leaves one that is not.
  bool mounted = false;

  friend bool operator==(const VmSharedDisk&, const VmSharedDisk&) = default;
};

// Where in the VM a port leads.
struct VmPortEnd {
  // At the VM's 127.0.0.1, else at its own address.
  bool loopback = false;
  uint16_t number = 0;

  friend bool operator==(const VmPortEnd&, const VmPortEnd&) = default;
};

// Ports of the VM that the host's 127.0.0.1 has.
using VmPorts = std::map<VmPort, VmPortEnd>;

// How the VM came up.
enum class VmStart {
  kBooted,
  // From a snapshot that is not loaded yet: there is nobody in it to answer.
  kRestoring,
  kRestored,
};

struct VmRecord {
  pid_t pid = 0;
  uint64_t start_time = 0;
  std::string accelerator;
  std::string accelerator_reason;
  // It has a device for passt, and goes out by it unless there is a reason not to, as a sentence.
  bool passt = false;
  std::string network_reason;
  VmStart start = VmStart::kBooted;
  // What it is made of: QEMU, its devices and the host's processor (MachineKey, in short); empty: not known.
  std::string machine;
  int64_t memory_mib = 0;
  int processors = 0;
  std::string modules_image;
  // It has a disk to swap to.
  bool swap = false;
  // By the distro's id.
  std::map<std::string, VmDisk> disks;
  // By name.
  std::map<std::string, VmSharedDisk> shared_disks;
  VmPorts forwards;

  std::string ToJson() const;
  // Error: INTERNAL when it is malformed.
  static absl::StatusOr<VmRecord> FromJson(const std::string& text);
};

}  // namespace wslm

#endif  // WSLM_RUNTIME_V2_HOST_VM_RECORD_H_
