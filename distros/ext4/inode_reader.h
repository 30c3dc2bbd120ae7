// Reads inodes of an image: the record whatever its size, the extended attributes, the target of a symlink, the names
// in a directory.
#ifndef WSLM_DISTROS_EXT4_INODE_READER_H_
#define WSLM_DISTROS_EXT4_INODE_READER_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "distros/ext4/filesystem.h"

namespace wslm::ext4 {

// The record of one inode. In images not made by us it has any size from 128 bytes to a block; the fields beyond its
// size are zeros.
class Inode {
 public:
  static absl::StatusOr<Inode> Read(const Filesystem& filesystem, uint32_t number);

  uint32_t number() const { return number_; }
  const ext2_inode_large& fields() const { return *reinterpret_cast<const ext2_inode_large*>(bytes_.data()); }
  ext2_inode_large* mutable_fields() { return reinterpret_cast<ext2_inode_large*>(bytes_.data()); }
  // For libext2fs, which takes what it only reads as mutable.
  ext2_inode* base() { return reinterpret_cast<ext2_inode*>(bytes_.data()); }
  uint64_t size() const { return fields().i_size | uint64_t{fields().i_size_high} << 32; }
  bool has_flag(uint32_t flag) const { return (fields().i_flags & flag) != 0; }
  // Whether there may be any extended attribute.
  bool may_have_xattrs(const Filesystem& filesystem) const;

 private:
  uint32_t number_ = 0;
  std::vector<char> bytes_;
};

// As getxattr gives them; what has no meaning outside of ext4 is left out.
absl::StatusOr<std::map<std::string, std::string>> ReadXattrs(const Filesystem& filesystem, Inode& inode);

// Content kept in the inode itself (the feature inline_data).
absl::StatusOr<std::string> ReadInlineData(const Filesystem& filesystem, Inode& inode);

struct DirectoryName {
  std::string name;
  uint32_t inode = 0;
};

// Without "." and "..", by inode: who visits them so goes forwards through the image.
absl::StatusOr<std::vector<DirectoryName>> ReadDirectory(const Filesystem& filesystem, const Inode& directory);

// CORRUPT_SOURCE; `what` begins with the thing that is wrong: "a folder has a name with a slash".
absl::Status CorruptImage(const Filesystem& filesystem, const std::string& what);

}  // namespace wslm::ext4

#endif  // WSLM_DISTROS_EXT4_INODE_READER_H_
