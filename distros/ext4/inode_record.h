// One record of an ext4 inode table, as our images have it: 256 bytes, the rest behind the fields being room for
// xattrs.
#ifndef WSLM_DISTROS_EXT4_INODE_RECORD_H_
#define WSLM_DISTROS_EXT4_INODE_RECORD_H_

#include <ext2fs/ext2fs.h>

#include <array>
#include <cstdint>

#include "distros/ext4/format.h"

namespace wslm::ext4 {

struct InodeRecord {
  ext2_inode_large fields{};
  std::array<char, kInodeSize - sizeof(ext2_inode_large)> extra{};

  uint64_t size() const { return fields.i_size | uint64_t{fields.i_size_high} << 32; }
  void set_size(uint64_t size) {
    fields.i_size = static_cast<uint32_t>(size);
    fields.i_size_high = static_cast<uint32_t>(size >> 32);
  }
  // The block of xattrs, 0 for none.
  uint64_t xattr_block() const { return fields.i_file_acl | uint64_t{fields.osd2.linux2.l_i_file_acl_high} << 32; }
  void set_xattr_block(uint64_t block) {
    fields.i_file_acl = static_cast<uint32_t>(block);
    fields.osd2.linux2.l_i_file_acl_high = static_cast<uint16_t>(block >> 32);
  }
  // i_blocks counts in 512 bytes, whatever the block size.
  void AddBlocks(int64_t blocks) {
    const uint64_t sectors =
        (fields.i_blocks | uint64_t{fields.osd2.linux2.l_i_blocks_hi} << 32) + blocks * (kBlockSize / 512);
    fields.i_blocks = static_cast<uint32_t>(sectors);
    fields.osd2.linux2.l_i_blocks_hi = static_cast<uint16_t>(sectors >> 32);
  }
  ext2_inode* base() { return reinterpret_cast<ext2_inode*>(&fields); }
};
static_assert(sizeof(InodeRecord) == kInodeSize);

// How much of the record its fields take, beyond the 128 bytes that every ext2 inode has.
inline constexpr uint16_t kExtraSize = sizeof(ext2_inode_large) - EXT2_GOOD_OLD_INODE_SIZE;

}  // namespace wslm::ext4

#endif  // WSLM_DISTROS_EXT4_INODE_RECORD_H_
