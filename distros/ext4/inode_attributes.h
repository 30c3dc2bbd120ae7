// An entry's attributes as an inode's record holds them, and back.
#ifndef WSLM_DISTROS_EXT4_INODE_ATTRIBUTES_H_
#define WSLM_DISTROS_EXT4_INODE_ATTRIBUTES_H_

#include <ext2fs/ext2fs.h>

#include <cstdint>

#include "distros/tree/entry.h"

namespace wslm::ext4 {

// EXT2_FT_…, as directories hold it.
uint8_t DirectoryType(FileType type);

// Sets type, mode, owner, times and device number; the rest of `inode` is kept. Where a time is unknown, mtime stands
// in. False when a time is outside of what ext4 holds (1901 to 2446): it is set to the nearest.
bool SetAttributes(const Entry& entry, ext2_inode_large& inode);

// The opposite; `type` is TypeOfMode's. `record_size` is the size of the image's inodes: small ones have no nanoseconds
// and no birth.
void GetAttributes(const ext2_inode_large& inode, uint32_t record_size, FileType type, Entry& entry);

// Linux's limits: 12 bits of major, 20 of minor.
bool IsLinuxDevice(const Entry& entry);

}  // namespace wslm::ext4

#endif  // WSLM_DISTROS_EXT4_INODE_ATTRIBUTES_H_
