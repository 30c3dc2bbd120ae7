#include "distros/ext4/inode_reader.h"

#include <ext2fs/ext2_ext_attr.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "distros/ext4/posix_acl.h"
#include "distros/host/error.h"
#include "distros/host/status_macros.h"

namespace wslm::ext4 {
namespace {

struct CloseXattrs {
  void operator()(ext2_xattr_handle* handle) const { ext2fs_xattrs_close(&handle); }
};

struct XattrCollector {
  std::map<std::string, std::string> xattrs;
  const char* fault = nullptr;
};

int CollectXattr(char* name, char* value, size_t size, void* to) {
  auto& collector = *static_cast<XattrCollector*>(to);
  const std::string_view key(name);
  if (!key.starts_with("system.")) {
    collector.xattrs[name].assign(value, size);
    return 0;
  }
  // Of "system." only the access control lists are attributes of the file; the rest are ext4's own.
  if (key != "system.posix_acl_access" && key != "system.posix_acl_default") return 0;
  std::optional<std::string> acl = AclOfDisk({value, size});
  if (!acl) {
    collector.fault = "an access control list can't be read";
    return XATTR_ABORT;
  }
  collector.xattrs[name] = *std::move(acl);
  return 0;
}

struct NameCollector {
  std::vector<DirectoryName> names;
  // More can't be in a directory of its size; blocks that are there more than once could go on without end.
  size_t limit = 0;
  const char* fault = nullptr;
};

int CollectName(ext2_ino_t, int, ext2_dir_entry* entry, int, int, char*, void* to) {
  auto& collector = *static_cast<NameCollector*>(to);
  const std::string_view name(entry->name, ext2fs_dirent_name_len(entry));
  if (name == "." || name == "..") return 0;
  if (name.empty() || name.find('/') != std::string_view::npos || name.find('\0') != std::string_view::npos) {
    collector.fault = "a folder has a name that is empty or has a slash or NUL in it";
    return DIRENT_ABORT;
  }
  if (collector.names.size() >= collector.limit) {
    collector.fault = "a folder has more names than its size allows";
    return DIRENT_ABORT;
  }
  collector.names.push_back({std::string(name), entry->inode});
  return 0;
}

}  // namespace

absl::Status CorruptImage(const Filesystem& filesystem, const std::string& what) {
  return Error(absl::StatusCode::kDataLoss, reason::kCorruptSource,
               absl::StrCat("The file system in ", Escaped(filesystem.image()), " is damaged: ", what, "."),
               {{"path", filesystem.image()}});
}

absl::StatusOr<Inode> Inode::Read(const Filesystem& filesystem, uint32_t number) {
  const ext2_super_block& super = *filesystem->super;
  const bool reserved = number != EXT2_ROOT_INO && number < EXT2_FIRST_INODE(&super);
  if (reserved || number == 0 || number > super.s_inodes_count) {
    return CorruptImage(filesystem, absl::StrCat("a name stands for the impossible inode ", number));
  }
  Inode inode;
  inode.number_ = number;
  const size_t size = EXT2_INODE_SIZE(&super);
  inode.bytes_.assign(std::max(size, sizeof(ext2_inode_large)), '\0');
  const errcode_t error = ext2fs_read_inode_full(filesystem.get(), number, inode.base(), static_cast<int>(size));
  if (error != 0) return LibraryError(error, "cannot read an inode of", filesystem.image());
  if (inode.fields().i_links_count == 0) {
    return CorruptImage(filesystem, absl::StrCat("a name stands for the deleted inode ", number));
  }
  return inode;
}

bool Inode::may_have_xattrs(const Filesystem& filesystem) const {
  if (ext2fs_file_acl_block(filesystem.get(), reinterpret_cast<const ext2_inode*>(bytes_.data())) != 0) return true;
  const size_t record = EXT2_INODE_SIZE(filesystem->super);
  if (record <= EXT2_GOOD_OLD_INODE_SIZE) return false;
  const size_t start = EXT2_GOOD_OLD_INODE_SIZE + fields().i_extra_isize;
  uint32_t magic = 0;
  if (start + sizeof magic > record) return false;
  std::memcpy(&magic, bytes_.data() + start, sizeof magic);
  return magic == EXT2_EXT_ATTR_MAGIC;
}

absl::StatusOr<std::map<std::string, std::string>> ReadXattrs(const Filesystem& filesystem, Inode& inode) {
  XattrCollector collector;
  ext2_xattr_handle* opened = nullptr;
  errcode_t error = ext2fs_xattrs_open(filesystem.get(), inode.number(), &opened);
  const std::unique_ptr<ext2_xattr_handle, CloseXattrs> handle(opened);
  if (error == 0) error = ext2fs_xattrs_read_inode(handle.get(), inode.mutable_fields());
  if (error == 0) error = ext2fs_xattrs_iterate(handle.get(), CollectXattr, &collector);
  if (error != 0) return LibraryError(error, "cannot read extended attributes of", filesystem.image());
  if (collector.fault != nullptr) return CorruptImage(filesystem, collector.fault);
  return std::move(collector.xattrs);
}

absl::StatusOr<std::string> ReadInlineData(const Filesystem& filesystem, Inode& inode) {
  size_t size = 0;
  errcode_t error = ext2fs_inline_data_size(filesystem.get(), inode.number(), &size);
  if (error != 0) return LibraryError(error, "cannot read a small file of", filesystem.image());
  std::string data(size, '\0');
  error = ext2fs_inline_data_get(filesystem.get(), inode.number(), inode.base(), data.data(), &size);
  if (error != 0) return LibraryError(error, "cannot read a small file of", filesystem.image());
  data.resize(std::min<uint64_t>(size, inode.size()));
  return data;
}

absl::StatusOr<std::vector<DirectoryName>> ReadDirectory(const Filesystem& filesystem, const Inode& directory) {
  const uint64_t image_size = filesystem.block_count() * filesystem.block_size();
  if (directory.size() > image_size) return CorruptImage(filesystem, "a folder is larger than its disk");
  NameCollector collector;
  collector.limit = directory.size() / EXT2_DIR_ENTRY_HEADER_LEN;
  const errcode_t error =
      ext2fs_dir_iterate2(filesystem.get(), directory.number(), 0, nullptr, CollectName, &collector);
  if (error != 0) return LibraryError(error, "cannot read a folder of", filesystem.image());
  if (collector.fault != nullptr) return CorruptImage(filesystem, collector.fault);
  std::sort(collector.names.begin(), collector.names.end(),
            [](const DirectoryName& a, const DirectoryName& b) { return a.inode < b.inode; });
  return std::move(collector.names);
}

}  // namespace wslm::ext4
