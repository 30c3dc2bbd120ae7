#include "runtime-v2/host/hibernation.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "distros/host/error.h"
#include "distros/host/files.h"
#include "distros/host/image_lock.h"
#include "distros/host/random_id.h"
#include "distros/host/remove_tree.h"
#include "distros/host/status_macros.h"
#include "runtime-v2/host/file_identity.h"
#include "runtime-v2/host/host_facts.h"
#include "runtime-v2/host/memory_calm.h"
#include "runtime-v2/host/passt.h"
#include "runtime-v2/host/snapshot_file.h"
#include "runtime-v2/host/snapshot_key.h"

namespace wslm {

using runtime::v1::OpenRequest;

namespace {

// It writes to the disks what is not there yet.
constexpr absl::Duration kSleepTimeout = absl::Minutes(2);
// What the VM gives back after that is not worth the wait.
constexpr absl::Duration kLongestUnrest = absl::Seconds(12);
// Of a VM that is woken, till its agent answers: what would be lost took longer to make.
constexpr absl::Duration kWakePatience = absl::Minutes(1);
constexpr size_t kKeyBytes = 16;

absl::Status Refused(const std::string& why) {
  return Error(absl::StatusCode::kFailedPrecondition, reason::kDistroRunning, why);
}

// What is known before anything is tried.
absl::Status CheckFit(const VmRecord& vm) {
  if (vm.machine.empty()) return Refused("The VM was started by an older wslm.");
  if (vm.swap) return Refused("The VM swaps, and what it swapped ends with it ('swap' in wslm.conf).");
  if (vm.shared_disks.empty()) return absl::OkStatus();
  const std::string name = Escaped(vm.shared_disks.begin()->first);
  return Refused(absl::StrCat("The disk '", name, "' is mounted; 'wslm unmount ", name, "' ends that."));
}

// QEMU has written the data; the time of the last change, by which the image is known again, lasts only after this.
absl::Status Sync(const std::string& image) {
  ASSIGN_OR_RETURN(const UniqueFd file, OpenFile(image, O_RDONLY));
  return ::fsync(file.get()) == 0 ? absl::OkStatus() : ErrnoError("cannot write", image);
}

void WakeAgent(Vm& vm) {
  OpenRequest request;
  request.mutable_vm_wake();
  vm.channel()->Call(request, kSleepTimeout).status().IgnoreError();
}

}  // namespace

Hibernation::Hibernation(std::string folder) : folder_(std::move(folder)) {
  const auto text = ReadSmallFile(RecordPath());
  if (!text.ok() && !absl::IsNotFound(text.status())) {
    // It stays where it is: it may be read another time, and its disks tell then whether they were changed.
    lost_ = text.status();
    return;
  }
  auto sleeping = text.ok() ? SleepingVm::FromJson(*text) : text.status();
  if (!sleeping.ok()) {
    if (text.ok()) lost_ = sleeping.status();
    RemoveTree(folder_).IgnoreError();
    return;
  }
  sleeping_ = *std::move(sleeping);
  LockImages();
}

void Hibernation::LockImages() {
  if (!sleeping_) return;
  for (const auto& [id, disk] : sleeping_->vm.disks) {
    if (locks_.contains(id)) continue;
    auto lock = LockImage(disk.image);
    if (lock.ok()) locks_.emplace(id, *std::move(lock));
  }
}

std::vector<std::string> Hibernation::distros() const {
  std::vector<std::string> ids;
  if (!sleeping_) return ids;
  for (const auto& [id, disk] : sleeping_->vm.disks) ids.push_back(id);
  return ids;
}

absl::Status Hibernation::Begin(Vm& vm) {
  RETURN_IF_ERROR(CheckFit(vm.record()));
  RETURN_IF_ERROR(MakeFolders(folder_));
  OpenRequest request;
  request.mutable_vm_sleep();
  absl::Status saved = vm.channel()->Call(request, kSleepTimeout).status();
  if (saved.ok()) saved = Save(vm);
  if (!saved.ok() && (!sleeping_ || Forget().ok())) {
    sleeping_.reset();
    RemoveTree(folder_).IgnoreError();
    vm.Resume().IgnoreError();
    WakeAgent(vm);
    return saved;
  }
  // After a power cut a record that can't be removed for good would be found beside disks that the VM has changed
  // since: such a VM sleeps, whatever else went wrong.
  if (!saved.ok()) Remember().IgnoreError();
  vm.Disconnect();
  vm.Discard();
  LockImages();
  return absl::OkStatus();
}

absl::Status Hibernation::Save(Vm& vm) {
  RETURN_IF_ERROR(WaitUntilCalm(vm, kLongestUnrest));
  ASSIGN_OR_RETURN(const UniqueFd state, MakeMemory("wslm-vm-state", 0));
  RETURN_IF_ERROR(vm.Suspend(state.get()));
  ASSIGN_OR_RETURN(const UniqueFd memory, vm.Memory());
  SleepingVm sleeping{.vm = vm.record(), .key = RandomHex(kKeyBytes)};
  for (const auto& [id, disk] : sleeping.vm.disks) {
    RETURN_IF_ERROR(Sync(disk.image));
    ASSIGN_OR_RETURN(sleeping.images[id], FileIdentity(disk.image));
  }
  RETURN_IF_ERROR(
      WriteSnapshot(MemoryPath(), {.key = sleeping.key, .tsc_khz = MeasureTscKhz()}, memory.get(), state.get()));
  sleeping_ = std::move(sleeping);
  // From here on it sleeps, whatever becomes of this process.
  return Remember();
}

absl::StatusOr<std::shared_ptr<Vm>> Hibernation::Wake(VmBootOptions options) {
  bool begun = false;
  auto vm = GoOn(*sleeping_, std::move(options), begun);
  if (!vm.ok() && !begun && !absl::IsDataLoss(vm.status())) {
    if (!PathExists(RecordPath())) Remember().IgnoreError();
    LockImages();
    return vm;
  }
  GiveUp();
  return vm;
}

void Hibernation::GiveUp() {
  sleeping_.reset();
  locks_.clear();
  Forget().IgnoreError();
  RemoveTree(folder_).IgnoreError();
}

absl::StatusOr<std::shared_ptr<Vm>> Hibernation::GoOn(const SleepingVm& sleeping, VmBootOptions options, bool& begun) {
  options.settings.memory_mib = sleeping.vm.memory_mib;
  options.settings.processors = sleeping.vm.processors;
  options.kernel.modules_image = sleeping.vm.modules_image;
  options.network = NetworkAgain(sleeping.vm.passt);
  options.accelerator = {.kvm = sleeping.vm.accelerator == "kvm", .reason = sleeping.vm.accelerator_reason};
  options.patience = kWakePatience;
  ASSIGN_OR_RETURN(const std::string machine, MachineKey(QemuOptionsOf(options)));
  if (NameOfIdentity(machine) != sleeping.vm.machine) {
    return absl::DataLossError("QEMU, the VM's modules or the host's processor are others now.");
  }
  RETURN_IF_ERROR(sleeping.CheckImages());
  const auto load = [&](int memory, int state) { return ReadSnapshot(MemoryPath(), sleeping.key, memory, state); };
  return Vm::Wake(options, load, [&](Vm& vm) -> absl::Status {
    // QEMU gets a lock of its own.
    locks_.clear();
    for (const auto& [id, disk] : sleeping.vm.disks) {
      ASSIGN_OR_RETURN(const UniqueFd image, LockImage(disk.image));
      RETURN_IF_ERROR(vm.AttachDiskAgain(id, disk, image));
    }
    // Nobody else can change them from here on.
    RETURN_IF_ERROR(sleeping.CheckImages());
    RETURN_IF_ERROR(Forget());
    begun = true;
    return absl::OkStatus();
  });
}

absl::Status Hibernation::Forget() {
  // Gone on from here twice, a VM would find disks that its memory does not know.
  if (::unlink(RecordPath().c_str()) != 0 && errno != ENOENT) return ErrnoError("cannot remove", RecordPath());
  return SyncFolder(folder_);
}

absl::Status Hibernation::Remember() { return WriteFileAtomically(RecordPath(), sleeping_->ToJson()); }

}  // namespace wslm
