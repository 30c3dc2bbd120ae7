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

// Reads FOLDER/rootfs. Errors: DISTRO_BROKEN, IO_ERROR.
absl::StatusOr<std::unique_ptr<Source>> OpenLxfsSource(const std::string& folder, SecondOwner second_owner);

// Makes FOLDER/rootfs and FOLDER/metadata.db; FOLDER must exist and hold neither.
absl::StatusOr<std::unique_ptr<Sink>> CreateLxfsSink(const std::string& folder, SecondOwner second_owner);

}  // namespace wslm

#endif  // WSLM_DISTROS_LXFS_LXFS_H_
