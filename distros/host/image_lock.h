// The lock of a disk image: held as long as anything (the VM, a converter, a checker) uses the image.
//
// An open-file-description write lock on one byte that QEMU's own locking does not use. It lives as long as the
// descriptor or a copy of it: hand the copy to QEMU, and the lock lives as long as QEMU does.
#ifndef WSLM_DISTROS_HOST_IMAGE_LOCK_H_
#define WSLM_DISTROS_HOST_IMAGE_LOCK_H_

#include <string>

#include "absl/status/statusor.h"
#include "distros/host/unique_fd.h"

namespace wslm {

// Opens `image` for reading and writing and locks it. Errors: DISTRO_RUNNING when something else holds it,
// FILE_NOT_FOUND, IO_ERROR.
absl::StatusOr<UniqueFd> LockImage(const std::string& image);

}  // namespace wslm

#endif  // WSLM_DISTROS_HOST_IMAGE_LOCK_H_
