// What must be known of a VM that sleeps on the host's disk, to have it go on: the file vm.json beside its memory.
#ifndef WSLM_RUNTIME_V2_HOST_SLEEPING_VM_H_
#define WSLM_RUNTIME_V2_HOST_SLEEPING_VM_H_

#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "runtime-v2/host/vm_record.h"

namespace wslm {

struct SleepingVm {
  // Of the VM when it fell asleep.
  VmRecord vm;
  // Random: the file with its memory has it, too.
  std::string key;
  // By the distro's id: FileIdentity of its disk's image.
  std::map<std::string, std::string> images;

  std::string ToJson() const;
  // Error: INTERNAL when it is malformed.
  static absl::StatusOr<SleepingVm> FromJson(const std::string& text);

  // That the disks are those that it had. Errors: DATA_LOSS with which one was changed; NOT_FOUND with which one is not
  // there, perhaps because what it lies on is not mounted now.
  absl::Status CheckImages() const;
};

}  // namespace wslm

#endif  // WSLM_RUNTIME_V2_HOST_SLEEPING_VM_H_
