// Makes an empty ext4 file system in a new sparse file.
#ifndef WSLM_DISTROS_EXT4_FORMAT_H_
#define WSLM_DISTROS_EXT4_FORMAT_H_

#include <string>

#include "absl/status/status.h"
#include "distros/ext4/ext4.h"

namespace wslm::ext4 {

inline constexpr uint32_t kBlockSize = 4096;
inline constexpr uint32_t kInodeSize = 256;

// Makes `image`, which must not exist, with mode 0600, and the file system in it. Removes it again when that fails.
// Errors: INVALID_ARGUMENT (size, label), FILE_EXISTS, DISK_FULL, HOST_UNSUPPORTED, IO_ERROR.
absl::Status Format(const std::string& image, const Ext4Options& options);

}  // namespace wslm::ext4

#endif  // WSLM_DISTROS_EXT4_FORMAT_H_
