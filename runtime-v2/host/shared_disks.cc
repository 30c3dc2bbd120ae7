#include "runtime-v2/host/shared_disks.h"

#include <utility>

#include "distros/host/status_macros.h"

namespace wslm {

using runtime::v1::DiskMount;
using runtime::v1::GuestMessage;
using runtime::v1::OpenRequest;
using runtime::v1::SharedDisk;

namespace {

// The agent's own deadlines are shorter.
constexpr absl::Duration kTimeout = absl::Minutes(2);

}  // namespace

absl::StatusOr<SharedDisk> MountSharedDisk(Vm& vm, const SharedDisk& wanted, UniqueFd file, const std::string& driver) {
  OpenRequest request;
  DiskMount& mount = *request.mutable_disk_mount();
  ASSIGN_OR_RETURN(*mount.mutable_disk_wwid(), vm.AttachSharedDisk(wanted, std::move(file), driver));
  mount.set_name(wanted.name);
  mount.set_type(wanted.type);
  mount.set_options(wanted.options);
  mount.set_partition(wanted.partition);
  mount.set_bare(wanted.bare);
  const auto answer = vm.channel()->Call(request, kTimeout);
  if (!answer.ok()) {
    UnmountSharedDisk(vm, wanted.name).IgnoreError();
    return answer.status();
  }
  SharedDisk mounted = wanted;
  mounted.type = answer->mounted_disk().type();
  mounted.device = answer->mounted_disk().device();
  RETURN_IF_ERROR(vm.SharedDiskMounted(mounted));
  return mounted;
}

absl::Status UnmountSharedDisk(Vm& vm, const std::string& name) {
  OpenRequest request;
  request.mutable_disk_unmount()->set_name(name);
  RETURN_IF_ERROR(vm.channel()->Call(request, kTimeout).status());
  return vm.DetachSharedDisk(name);
}

void RemoveHalfMountedDisks(Vm& vm) {
  for (const auto& [name, disk] : vm.shared_disks()) {
    if (!disk.mounted) UnmountSharedDisk(vm, name).IgnoreError();
  }
}

}  // namespace wslm
