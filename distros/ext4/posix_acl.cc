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

constexpr uint32_t kNoId = 0xffffffff;

bool IsKnown(uint16_t tag) {
  return tag == kUserObject || tag == kUser || tag == kGroupObject || tag == kGroup || tag == kMask || tag == kOther;
}
bool HasId(uint16_t tag) { return tag == kUser || tag == kGroup; }

template <typename T>
void Append(std::string& to, T value) {
  to.append(reinterpret_cast<const char*>(&value), sizeof value);
}

template <typename T>
bool Take(std::string_view& from, T& value) {
  if (from.size() < sizeof value) return false;
  std::memcpy(&value, from.data(), sizeof value);
  from.remove_prefix(sizeof value);
  return true;
}

}  // namespace

std::optional<std::string> AclOnDisk(std::string_view xattr) {
  uint32_t version = 0;
  if (!Take(xattr, version) || version != kXattrVersion) return std::nullopt;
  std::string disk;
  Append(disk, kDiskVersion);
  while (!xattr.empty()) {
    XattrAclEntry entry;
    if (!Take(xattr, entry) || !IsKnown(entry.tag)) return std::nullopt;
    Append(disk, entry.tag);
    Append(disk, entry.permissions);
    if (HasId(entry.tag)) Append(disk, entry.id);
  }
  return disk;
}

std::optional<std::string> AclOfDisk(std::string_view disk) {
  uint32_t version = 0;
  if (!Take(disk, version) || version != kDiskVersion) return std::nullopt;
  std::string xattr;
  Append(xattr, kXattrVersion);
  while (!disk.empty()) {
    XattrAclEntry entry{.id = kNoId};
    if (!Take(disk, entry.tag) || !Take(disk, entry.permissions) || !IsKnown(entry.tag)) return std::nullopt;
    if (HasId(entry.tag) && !Take(disk, entry.id)) return std::nullopt;
    Append(xattr, entry);
  }
  return xattr;
}

}  // namespace wslm::ext4
