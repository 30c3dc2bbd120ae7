// A Debian kernel package: what of it a VM needs.
#ifndef WSLM_RUNTIME_V2_HOST_DEB_PACKAGE_H_
#define WSLM_RUNTIME_V2_HOST_DEB_PACKAGE_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace wslm {

// The package that `apt-cache depends linux-image-amd64` names; empty when there is none in `output`.
std::string KernelPackageIn(std::string_view output);

struct UnpackedKernel {
  std::string release;  // "6.1.0-56-amd64"
  std::string bzimage;  // the whole file's bytes
  std::string modules;  // FOLDER/modules: what /lib/modules/RELEASE holds
};

// Unpacks the kernel image and the modules of a linux-image package into `folder`. Nothing else of the package is used,
// and nothing of it run. Blocks some seconds. Errors: KERNEL_UNAVAILABLE, DISK_FULL, IO_ERROR.
absl::StatusOr<UnpackedKernel> UnpackKernelPackage(const std::string& package, const std::string& folder);

}  // namespace wslm

#endif  // WSLM_RUNTIME_V2_HOST_DEB_PACKAGE_H_
