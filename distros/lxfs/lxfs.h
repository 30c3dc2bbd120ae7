// lxfs, the form of a v1 distro: plain files of the user's in FOLDER/rootfs; what they can't say (owner, special mode
// bits, device numbers) is kept beside: in the sticky bit, in the xattr user.lxfs, or in the side store
// FOLDER/metadata.db. The rules are in lxfs/attributes.h.
#ifndef WSLM_DISTROS_LXFS_LXFS_H_
#define WSLM_DISTROS_LXFS_LXFS_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "distros/tree/sink.h"
#include "distros/tree/source.h"

namespace wslm {

// Who the sticky bit alone stands for; fixed when the distro is made.
struct SecondOwner {
  uint32_t uid = 1000;
  uint32_t gid = 1000;
};

// Reads FOLDER/rootfs of a distro that is not running. Follows no link, goes into nothing that is mounted there, depth
// doesn't matter. Looks ahead for half a second at most for total(), which is 0 when that did not do.
// Errors: DISTRO_BROKEN when there is no rootfs or the side store is damaged, DISTRO_RUNNING when lxcore has it,
// PERMISSION_DENIED when somebody took the owner's right to read a file, IO_ERROR.
absl::StatusOr<std::unique_ptr<Source>> OpenLxfsSource(const std::string& folder, SecondOwner second_owner);

// Makes FOLDER/rootfs and FOLDER/metadata.db; FOLDER, of the caller's, must exist and hold neither, and becomes 0700.
// Needs no rights: a device is a socket on the host with a record, also when root does this.
//
// No name leaves FOLDER/rootfs: a link in an entry's parents leads to a place inside the root, as in a chroot (after
// "lib -> usr/lib", "lib/x" lies in usr/lib), parents that are missing are made. Losses: extended
// attributes of namespaces other than user, security, trusted and POSIX ACLs, and user.lxfs*; those that the host's
// files can't hold, beyond SideStore::kXattrRoom together; times that the host's file system does not keep.
// Errors: FILE_EXISTS, HOST_UNSUPPORTED when the folder lies where a distro can't be, DISK_FULL, IO_ERROR.
absl::StatusOr<std::unique_ptr<Sink>> CreateLxfsSink(const std::string& folder, SecondOwner second_owner);

}  // namespace wslm

#endif  // WSLM_DISTROS_LXFS_LXFS_H_
