#include "runtime-v1/lxcore/access_list.h"

#include <endian.h>
#include <errno.h>
#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>

#include <cstring>

namespace wslm::lxcore {
namespace {

constexpr uint32_t kHeaderSize = 4;
constexpr uint32_t kEntrySize = 8;
constexpr uint16_t kAll = 7;

template <typename List>
auto* Find(List& list, uint16_t tag) {
  for (auto& entry : list) {
    if (entry.tag == tag) return &entry;
  }
  return static_cast<decltype(&list[0])>(nullptr);
}

// The entry that the group's bits of a mode show.
template <typename List>
auto* FindGroupClass(List& list) {
  auto* mask = Find(list, ACL_MASK);
  return mask ? mask : Find(list, ACL_GROUP_OBJ);
}

// The order and number of entries that posix_acl_valid() of the kernel asks for.
bool IsValid(const AccessList& list) {
  static constexpr uint16_t kOrder[] = {ACL_USER_OBJ, ACL_USER, ACL_GROUP_OBJ, ACL_GROUP, ACL_MASK, ACL_OTHER};
  size_t at = 0;
  int seen[6] = {};
  for (const AccessEntry& entry : list) {
    if (entry.permissions & ~kAll) return false;
    while (at < 6 && kOrder[at] != entry.tag) ++at;
    if (at == 6) return false;
    const bool named = entry.tag == ACL_USER || entry.tag == ACL_GROUP;
    if (named && entry.id == UINT32_MAX) return false;
    if (++seen[at] > 1 && !named) return false;
  }
  const bool needs_mask = seen[1] > 0 || seen[3] > 0;
  return seen[0] == 1 && seen[2] == 1 && seen[5] == 1 && (!needs_mask || seen[4] == 1);
}

}  // namespace

int DecodeAccessList(std::string_view bytes, AccessList& list) {
  list.clear();
  if (bytes.empty()) return 0;
  if (bytes.size() < kHeaderSize) return EINVAL;
  uint32_t version;
  std::memcpy(&version, bytes.data(), sizeof(version));
  if (le32toh(version) != POSIX_ACL_XATTR_VERSION) return EOPNOTSUPP;
  bytes.remove_prefix(kHeaderSize);
  if (bytes.size() % kEntrySize != 0) return EINVAL;
  for (; !bytes.empty(); bytes.remove_prefix(kEntrySize)) {
    posix_acl_xattr_entry raw;
    std::memcpy(&raw, bytes.data(), sizeof(raw));
    AccessEntry entry = {.tag = le16toh(raw.e_tag), .permissions = le16toh(raw.e_perm)};
    if (entry.tag == ACL_USER || entry.tag == ACL_GROUP) entry.id = le32toh(raw.e_id);
    list.push_back(entry);
  }
  return list.empty() || IsValid(list) ? 0 : EINVAL;
}

std::string EncodeAccessList(const AccessList& list) {
  const uint32_t version = htole32(POSIX_ACL_XATTR_VERSION);
  std::string bytes(reinterpret_cast<const char*>(&version), sizeof(version));
  for (const AccessEntry& entry : list) {
    const posix_acl_xattr_entry raw = {
        .e_tag = htole16(entry.tag), .e_perm = htole16(entry.permissions), .e_id = htole32(entry.id)};
    bytes.append(reinterpret_cast<const char*>(&raw), sizeof(raw));
  }
  return bytes;
}

bool SaysOnlyMode(const AccessList& list) {
  return !Find(list, ACL_USER) && !Find(list, ACL_GROUP) && !Find(list, ACL_MASK);
}

uint32_t ModeWithList(uint32_t mode, const AccessList& list) {
  return (mode & ~0777u) | Find(list, ACL_USER_OBJ)->permissions << 6 | FindGroupClass(list)->permissions << 3 |
         Find(list, ACL_OTHER)->permissions;
}

void ChangeMode(AccessList& list, uint32_t mode) {
  Find(list, ACL_USER_OBJ)->permissions = mode >> 6 & kAll;
  FindGroupClass(list)->permissions = mode >> 3 & kAll;
  Find(list, ACL_OTHER)->permissions = mode & kAll;
}

void InheritList(AccessList& list, uint32_t& mode) {
  const uint32_t bounded = mode & ModeWithList(mode, list);
  ChangeMode(list, bounded);
  mode = bounded;
}

bool ListAllows(const AccessList& list, const Credentials& c, uint32_t gid, int wanted) {
  const AccessEntry* mask = Find(list, ACL_MASK);
  const auto allows = [wanted](uint16_t permissions) { return (wanted & ~permissions & kAll) == 0; };
  const uint16_t bound = mask ? mask->permissions : kAll;
  bool in_a_group = false;
  for (const AccessEntry& entry : list) {
    switch (entry.tag) {
      case ACL_USER:
        if (entry.id == c.fsuid) return allows(entry.permissions & bound);
        break;
      case ACL_GROUP_OBJ:
      case ACL_GROUP:
        if (!c.InGroup(entry.tag == ACL_GROUP ? entry.id : gid)) break;
        if (allows(entry.permissions)) return allows(entry.permissions & bound);
        in_a_group = true;
        break;
      case ACL_OTHER:
        return !in_a_group && allows(entry.permissions);
      default:
        break;
    }
  }
  return false;
}

}  // namespace wslm::lxcore
