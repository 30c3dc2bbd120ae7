// Tells by its first bytes what a file is.
#ifndef WSLM_DISTROS_TAR_DETECT_H_
#define WSLM_DISTROS_TAR_DETECT_H_

#include <cstddef>
#include <string_view>

#include "absl/status/status.h"

namespace wslm {

// So many first bytes are looked at: the magic of btrfs is the farthest.
inline constexpr size_t kDetectBytes = size_t{68} << 10;

// kCompressed: xz, zstd, bzip2 or lz4. kDisk: the image of a disk or of a file system (a VHD of fixed size without
// partitions can't be told by its beginning, unless that is a file system's).
enum class ContentKind { kTar, kGzip, kCompressed, kDisk, kOther };

// `head` holds the first kDetectBytes, or all when there are fewer.
ContentKind DetectContent(std::string_view head);

// UNSUPPORTED_FORMAT for content of kind kDisk or kOther, where no disk image can be read: what it is, and what to do. `compressed`: it was found in a compressed
// file called `name`.
absl::Status UnsupportedContent(std::string_view head, std::string_view name, bool compressed);

}  // namespace wslm

#endif  // WSLM_DISTROS_TAR_DETECT_H_
