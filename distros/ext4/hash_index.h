// Large directories: blocks of names by ranges of their hash, and a tree that leads to them ("htree").
#ifndef WSLM_DISTROS_EXT4_HASH_INDEX_H_
#define WSLM_DISTROS_EXT4_HASH_INDEX_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "distros/ext4/directory_blocks.h"
#include "distros/ext4/filesystem.h"

namespace wslm::ext4 {

// The kernel's Documentation, filesystems/ext4/directory, "Hash Tree Directories". Error: DISK_FULL as BuildDirectory.
absl::StatusOr<DirectoryContent> BuildIndexedDirectory(const Filesystem& filesystem, uint32_t directory,
                                                       uint32_t parent, std::vector<DirectoryEntry> entries);

}  // namespace wslm::ext4

#endif  // WSLM_DISTROS_EXT4_HASH_INDEX_H_
