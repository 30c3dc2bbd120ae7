// A VM that sleeps: its memory and the state of its devices are on the host's disk, and it goes on from where it stood
// with all that runs in its distros, also after an end of wslmd or of the host.
//
//   Hibernation hibernation(home.state + "/hibernated");
//   RETURN_IF_ERROR(hibernation.Begin(*vm));                 // the VM has ended
//   ...
//   auto vm = hibernation.Wake(options);                     // asleep() says whether to try again
#ifndef WSLM_RUNTIME_V2_HOST_HIBERNATION_H_
#define WSLM_RUNTIME_V2_HOST_HIBERNATION_H_

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "distros/host/unique_fd.h"
#include "runtime-v2/host/sleeping_vm.h"
#include "runtime-v2/host/vm.h"

namespace wslm {

// Not thread-safe. All but the observers block.
class Hibernation {
 public:
  // `folder` is for it alone, and is made when it is needed. Finds what sleeps, and removes what a crash left.
  explicit Hibernation(std::string folder);

  // OK, or why what slept when this was made is not known any more.
  const absl::Status& lost() const { return lost_; }
  bool asleep() const { return sleeping_.has_value(); }
  // Those in the VM that sleeps.
  std::vector<std::string> distros() const;

  // Saves the VM and ends it; its disks' images stay locked until it wakes or this object goes. After an error the VM
  // goes on. Errors: FAILED_PRECONDITION with who or what is in the way, DISK_FULL, IO_ERROR, INTERNAL.
  absl::Status Begin(Vm& vm);

  // Has the VM that sleeps go on. `options` need paths and QEMU's; all else is as it was. Error: why it can't. When it
  // is asleep() after that, nothing is lost and it may be tried again; else its distros have ended as by a power cut.
  absl::StatusOr<std::shared_ptr<Vm>> Wake(VmBootOptions options);

  // What sleeps ends, as by a power cut.
  void GiveUp();

  // Locks the images of what sleeps that aren't locked yet, because something else had them.
  void LockImages();

 private:
  absl::Status Save(Vm& vm);
  // `begun` is set once the VM may change its disks: there is no way back then.
  absl::StatusOr<std::shared_ptr<Vm>> GoOn(const SleepingVm& sleeping, VmBootOptions options, bool& begun);
  // So that no other wakes from what is here. No record is no error.
  absl::Status Forget();
  absl::Status Remember();
  std::string MemoryPath() const { return folder_ + "/memory"; }
  std::string RecordPath() const { return folder_ + "/vm.json"; }

  const std::string folder_;
  absl::Status lost_;
  std::optional<SleepingVm> sleeping_;
  // By the distro's id.
  std::map<std::string, UniqueFd> locks_;
};

}  // namespace wslm

#endif  // WSLM_RUNTIME_V2_HOST_HIBERNATION_H_
