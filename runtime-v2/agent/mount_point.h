// Places in a distro's tree to mount things on. The tree is the distro's: links in it are followed within it only.
//
// Where a place is missing it is made, and noted, so that RemoveMountPoints leaves the tree as it was: what is mounted
// by us is no part of the distro.
#ifndef WSLM_RUNTIME_V2_AGENT_MOUNT_POINT_H_
#define WSLM_RUNTIME_V2_AGENT_MOUNT_POINT_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "distros/host/unique_fd.h"

namespace wslm {

// Opens `path` (relative) below `root`, in which "/" and ".." are the root's, with openat2's RESOLVE_IN_ROOT.
absl::StatusOr<UniqueFd> OpenInRoot(int root, const std::string& path, int flags);

// Makes the folder `path`, or an empty file, with the folders above it, where they are missing; the times of the
// folders that were there are kept. What was made is added to `made`, the outermost first.
absl::Status MakeMountPoint(int root, const std::string& path, bool folder, std::vector<std::string>& made);

// Removes what MakeMountPoint made and nobody has filled since.
void RemoveMountPoints(int root, const std::vector<std::string>& made);

// Mounts on the place `path` below `root`; the arguments are mount(2)'s.
absl::Status MountInRoot(int root, const std::string& path, const char* source, const char* type, unsigned long flags,
                         const char* options);

}  // namespace wslm

#endif  // WSLM_RUNTIME_V2_AGENT_MOUNT_POINT_H_
