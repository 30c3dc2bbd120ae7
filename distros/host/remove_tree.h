// Removes a file tree and nothing else.
//
// It walks directory descriptors, never joined names: it follows no link, and does not go into what is mounted in the
// tree (that is an error). Folders of the caller's that lack permissions are no obstacle. It needs no room on the disk,
// and a fixed number of descriptors for any depth. Not atomic: an error leaves a part. Thread-safe.
#ifndef WSLM_DISTROS_HOST_REMOVE_TREE_H_
#define WSLM_DISTROS_HOST_REMOVE_TREE_H_

#include <string>

#include "absl/status/status.h"

namespace wslm {

// Removes `name` (one component) in the folder `folder_fd`. Nothing there is no error. Errors: IO_ERROR.
absl::Status RemoveTreeAt(int folder_fd, const std::string& name);

// The same with a path whose parents are trusted.
absl::Status RemoveTree(const std::string& path);

// Removes what the folder `path` holds, and keeps the folder.
absl::Status EmptyFolder(const std::string& path);

}  // namespace wslm

#endif  // WSLM_DISTROS_HOST_REMOVE_TREE_H_
