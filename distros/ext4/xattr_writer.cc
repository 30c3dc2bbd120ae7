#include "distros/ext4/xattr_writer.h"

#include <ext2fs/ext2_ext_attr.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <string_view>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "distros/ext4/posix_acl.h"
#include "distros/host/error.h"
#include "distros/host/status_macros.h"

namespace wslm::ext4 {
namespace {

// A name as it is kept: a number for its prefix, and the rest.
struct StoredXattr {
  uint8_t index = 0;
  std::string name;
  std::string value;
  // As the user knows it.
  std::string full_name;
};

// The kernel's Documentation, filesystems/ext4/attributes, "Attribute Name Index".
constexpr uint8_t kAclAccess = 2;
constexpr uint8_t kAclDefault = 3;
struct Prefix {
  std::string_view text;
  uint8_t index;
};
constexpr Prefix kPrefixes[] = {{"user.", 1}, {"trusted.", 4}, {"security.", 6}};

// What ext4 keeps for an attribute; empty `why` when it can.
struct Encoding {
  StoredXattr xattr;
  std::string why;
};

Encoding Encode(const std::string& name, const std::string& value) {
  Encoding result{.xattr = {.full_name = name}};
  if (name == "system.posix_acl_access" || name == "system.posix_acl_default") {
    std::optional<std::string> acl = AclOnDisk(value);
    if (!acl) return {.xattr = std::move(result.xattr), .why = "it is no valid access control list"};
    result.xattr.index = name == "system.posix_acl_access" ? kAclAccess : kAclDefault;
    result.xattr.value = *std::move(acl);
    return result;
  }
  for (const Prefix& prefix : kPrefixes) {
    if (!name.starts_with(prefix.text)) continue;
    const std::string_view rest = std::string_view(name).substr(prefix.text.size());
    if (rest.empty() || rest.size() > 255 || rest.find('\0') != std::string_view::npos)
      result.why = "its name is not valid";
    result.xattr.index = prefix.index;
    result.xattr.name = rest;
    result.xattr.value = value;
    return result;
  }
  result.why = "ext4 has no attributes of this kind";
  return result;
}

// An area of entries that grow upwards and values that grow downwards, with four zero bytes between them.
class Area {
 public:
  // The entries begin at `first`; offsets of values count from `base`.
  Area(char* base, char* first, char* end) : base_(base), entry_(first), value_(end) {}

  bool Add(const StoredXattr& xattr) {
    const size_t entry_size = EXT2_EXT_ATTR_LEN(xattr.name.size());
    const size_t value_size = EXT2_EXT_ATTR_SIZE(xattr.value.size());
    const size_t room = value_ - entry_;
    if (value_size > room || entry_size + value_size + sizeof(uint32_t) > room) return false;
    ext2_ext_attr_entry header{};
    header.e_name_len = static_cast<uint8_t>(xattr.name.size());
    header.e_name_index = xattr.index;
    header.e_value_size = static_cast<uint32_t>(xattr.value.size());
    if (value_size > 0) {
      value_ -= value_size;
      header.e_value_offs = static_cast<uint16_t>(value_ - base_);
      std::memcpy(value_, xattr.value.data(), xattr.value.size());
    }
    auto* entry = reinterpret_cast<ext2_ext_attr_entry*>(entry_);
    std::memcpy(entry_, &header, sizeof header);
    std::memcpy(entry_ + sizeof header, xattr.name.data(), xattr.name.size());
    entry->e_hash = ext2fs_ext_attr_hash_entry(entry, value_);
    entry_ += entry_size;
    return true;
  }

 private:
  char* base_;
  char* entry_;
  char* value_;
};

struct alignas(8) XattrBlock {
  std::array<char, kBlockSize> bytes{};
  ext2_ext_attr_header* header() { return reinterpret_cast<ext2_ext_attr_header*>(bytes.data()); }
};

absl::Status WriteXattrBlock(Volume& volume, uint32_t inode, XattrBlock& block, InodeRecord& record) {
  ASSIGN_OR_RETURN(const BlockRun run, volume.allocator().Allocate(1));
  ext2_ext_attr_header* header = block.header();
  header->h_magic = EXT2_EXT_ATTR_MAGIC;
  header->h_refcount = 1;
  header->h_blocks = 1;
  ext2fs_ext_attr_block_rehash(header, reinterpret_cast<ext2_ext_attr_entry*>(block.bytes.data() + kBlockSize));
  if (errcode_t error = ext2fs_ext_attr_block_csum_set(volume.filesystem().get(), inode, run.first, header);
      error != 0) {
    return LibraryError(error, "cannot write attributes to", volume.filesystem().image());
  }
  record.set_xattr_block(run.first);
  record.AddBlocks(1);
  return volume.WriteBlock(run.first, {block.bytes.data(), block.bytes.size()});
}

}  // namespace

absl::StatusOr<std::vector<std::string>> StoreXattrs(Volume& volume, uint32_t inode,
                                                     const std::map<std::string, std::string>& xattrs,
                                                     InodeRecord& record) {
  std::vector<std::string> losses;
  if (xattrs.empty()) return losses;
  const auto lose = [&losses](const std::string& name, const std::string& why) {
    losses.push_back(absl::StrCat("extended attribute ", Escaped(name), ": ", why));
  };
  char* extra = record.extra.data();
  Area in_record(extra + sizeof(uint32_t), extra + sizeof(uint32_t), extra + record.extra.size());
  std::vector<StoredXattr> others;
  for (const auto& [name, value] : xattrs) {
    Encoding encoding = Encode(name, value);
    if (!encoding.why.empty()) {
      lose(name, encoding.why);
    } else if (in_record.Add(encoding.xattr)) {
      const uint32_t magic = EXT2_EXT_ATTR_MAGIC;
      std::memcpy(extra, &magic, sizeof magic);
    } else {
      others.push_back(std::move(encoding.xattr));
    }
  }
  if (others.empty()) return losses;

  // The kernel finds names in a block by this order.
  std::sort(others.begin(), others.end(), [](const StoredXattr& a, const StoredXattr& b) {
    return std::tuple(a.index, a.name.size(), std::string_view(a.name)) <
           std::tuple(b.index, b.name.size(), std::string_view(b.name));
  });
  XattrBlock block;
  Area in_block(block.bytes.data(), block.bytes.data() + sizeof(ext2_ext_attr_header), block.bytes.data() + kBlockSize);
  bool any = false;
  for (const StoredXattr& xattr : others) {
    if (in_block.Add(xattr)) {
      any = true;
    } else {
      lose(xattr.full_name, "all of a file's attributes together must fit in 4 KiB");
    }
  }
  if (any) RETURN_IF_ERROR(WriteXattrBlock(volume, inode, block, record));
  return losses;
}

absl::Status FreeXattrs(Volume& volume, InodeRecord& record) {
  record.extra.fill(0);
  const uint64_t block = record.xattr_block();
  if (block == 0) return absl::OkStatus();
  record.set_xattr_block(0);
  record.AddBlocks(-1);
  return volume.FreeBlocks({block, 1});
}

}  // namespace wslm::ext4
