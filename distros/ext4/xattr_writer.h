// Writes an inode's extended attributes: behind its fields while they fit, the others in a block of their own.
#ifndef WSLM_DISTROS_EXT4_XATTR_WRITER_H_
#define WSLM_DISTROS_EXT4_XATTR_WRITER_H_

#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "distros/ext4/inode_record.h"
#include "distros/ext4/volume.h"

namespace wslm::ext4 {

// `record` has none so far. Returns what ext4 can't hold, as "extended attribute NAME: why".
absl::StatusOr<std::vector<std::string>> StoreXattrs(Volume& volume, uint32_t inode,
                                                     const std::map<std::string, std::string>& xattrs,
                                                     InodeRecord& record);

// Takes all of them from `record` and frees their block.
absl::Status FreeXattrs(Volume& volume, InodeRecord& record);

}  // namespace wslm::ext4

#endif  // WSLM_DISTROS_EXT4_XATTR_WRITER_H_
