// The VM's kernel, made ready once and kept in the cache folder.
//
//   cache/kernel/PACKAGE/vmlinux       the kernel, an ELF file
//                        modules.img   ext4: what /lib/modules/RELEASE holds, with the indexes of ModuleIndex
//                        boot/         the modules that the initramfs needs; ORDER lists them as they are to be loaded
//                        release       "6.1.0-56-amd64"
//
// PACKAGE is the file name of the package with ".2" for ".deb". A folder there is complete: it is made under another
// name.
#ifndef WSLM_RUNTIME_V2_HOST_KERNEL_H_
#define WSLM_RUNTIME_V2_HOST_KERNEL_H_

#include <functional>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace wslm {

// Absolute paths.
struct Kernel {
  std::string release;
  std::string vmlinux;
  // Empty where it has none.
  std::string modules_image;
  std::string boot_modules;
};

// The kernel from `cache_folder`; where there is none it is made, from $WSLM_KERNEL_DEB when that is set, else from the
// package that apt fetches. Blocks, in that case for half a minute beside the download; `note` is told. Several
// processes may call it at once. Errors: KERNEL_UNAVAILABLE, DISK_FULL, IO_ERROR.
absl::StatusOr<Kernel> EnsureKernel(const std::string& cache_folder,
                                    const std::function<void(const std::string&)>& note);

// The ready kernel of that release.
std::optional<Kernel> ReadyKernelOf(const std::string& release, const std::string& cache_folder);

// The release of the kernel that is ready; empty when none is.
std::string ReadyKernelRelease(const std::string& cache_folder);

}  // namespace wslm

#endif  // WSLM_RUNTIME_V2_HOST_KERNEL_H_
