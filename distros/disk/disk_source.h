// Disk images as file trees to read: what is imported from qcow2, VHD, VHDX or raw.
//
//   ASSIGN_OR_RETURN(std::unique_ptr<Source> source, OpenDiskSource("/home/a/ext4.vhdx", staging, &cancel));
#ifndef WSLM_DISTROS_DISK_DISK_SOURCE_H_
#define WSLM_DISTROS_DISK_DISK_SOURCE_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "distros/host/cancel.h"
#include "distros/tree/source.h"

namespace wslm {

// The files of the ext4 file system in the disk image `path`, which is the whole disk or its only partition with ext4.
//
// `path` is read and never written. Raw images and fixed VHDs whose file system was unmounted are read where they are;
// of all others a sparse raw copy is made in `scratch_folder` (by reflink where that can be), whose name is taken away
// before this returns: the room comes back when the source goes. `cancel` may be null; it counts while the copy is
// made, and is looked at every 50 ms.
//
// Errors: those of InspectDisk; UNSUPPORTED_FORMAT (metadata "detected") when there is no ext4 in it or more than one;
// DISTRO_RUNNING while a virtual machine writes into it; CORRUPT_SOURCE; CANCELLED; DISK_FULL; HOST_UNSUPPORTED (no
// qemu-img); IO_ERROR.
absl::StatusOr<std::unique_ptr<Source>> OpenDiskSource(const std::string& path, const std::string& scratch_folder,
                                                       const CancelFlag* cancel);

}  // namespace wslm

#endif  // WSLM_DISTROS_DISK_DISK_SOURCE_H_
