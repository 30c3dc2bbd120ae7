// The kernel proper inside a bzImage. QEMU starts the ELF file through PVH in a fraction of the time that the bzImage's
// own decompressor takes under TCG.
#ifndef WSLM_RUNTIME_V2_HOST_BZIMAGE_H_
#define WSLM_RUNTIME_V2_HOST_BZIMAGE_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace wslm {

// The compressed payload of a bzImage (Documentation/arch/x86/boot.rst: payload_offset, payload_length). Error:
// KERNEL_UNAVAILABLE when it is none.
absl::StatusOr<std::string_view> BzImagePayload(std::string_view bzimage);

// Unpacks the kernel's ELF file (gzip, xz, zstd, lz4, bzip2, lzma) into `output`, which must not exist. Blocks about a
// second. Errors: KERNEL_UNAVAILABLE, IO_ERROR, DISK_FULL.
absl::Status ExtractVmlinux(std::string_view bzimage, const std::string& output);

}  // namespace wslm

#endif  // WSLM_RUNTIME_V2_HOST_BZIMAGE_H_
