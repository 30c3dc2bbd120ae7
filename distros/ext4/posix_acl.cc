#include "distros/ext4/posix_acl.h"

#include <cstdint>
#include <cstring>

namespace wslm::ext4 {
namespace {

constexpr uint32_t kXattrVersion = 2;
constexpr uint32_t kDiskVersion = 1;

struct XattrAclEntry {
  uint16_t tag;
  uint16_t permissions;
  uint32_t id;
};

// The tags of linux/posix_acl.h.
constexpr uint16_t kUserObject = 0x01;
constexpr uint16_t kUser = 0x02;
constexpr uint16_t kGroupObject = 0x04;
constexpr uint16_t kGroup = 0x08;
constexpr uint16_t kMask = 0x10;
constexpr uint16_t kOther = 0x20;

template <typename T>
void Append(std::string& to, T value) {
  to.append(reinterpret_cast<const char*>(&value), sizeof value);
}

}  // namespace

std::optional<std::string> AclOnDisk(std::string_view xattr) {
  uint32_t version = 0;
  if (xattr.size() < sizeof version) return std::nullopt;
  std::memcpy(&version, xattr.data(), sizeof version);
  xattr.remove_prefix(sizeof version);
  if (version != kXattrVersion || xattr.size() % sizeof(XattrAclEntry) != 0) return std::nullopt;

  std::string disk;
  Append(disk, kDiskVersion);
  for (; !xattr.empty(); xattr.remove_prefix(sizeof(XattrAclEntry))) {
    XattrAclEntry entry;
    std::memcpy(&entry, xattr.data(), sizeof entry);
    Append(disk, entry.tag);
    Append(disk, entry.permissions);
    switch (entry.tag) {
      case kUser:
      case kGroup:
        Append(disk, entry.id);
        break;
      case kUserObject:
      case kGroupObject:
      case kMask:
      case kOther:
        break;
      default:
        return std::nullopt;
    }
  }
  return disk;
}

}  // namespace wslm::ext4
