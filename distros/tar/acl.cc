#include "distros/tar/acl.h"

#include <archive.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

namespace wslm {
namespace {

constexpr uint32_t kVersion = 2;
constexpr uint32_t kNoId = UINT32_MAX;

// The kernel's numbers, which are also the order of the entries.
enum Tag : uint16_t { kUserObj = 0x01, kUser = 0x02, kGroupObj = 0x04, kGroup = 0x08, kMask = 0x10, kOther = 0x20 };

struct AclEntry {
  uint16_t tag = 0;
  uint16_t permissions = 0;
  uint32_t id = kNoId;
};

constexpr struct {
  int archive_tag;
  Tag tag;
} kTags[] = {{ARCHIVE_ENTRY_ACL_USER_OBJ, kUserObj},   {ARCHIVE_ENTRY_ACL_USER, kUser},
             {ARCHIVE_ENTRY_ACL_GROUP_OBJ, kGroupObj}, {ARCHIVE_ENTRY_ACL_GROUP, kGroup},
             {ARCHIVE_ENTRY_ACL_MASK, kMask},          {ARCHIVE_ENTRY_ACL_OTHER, kOther}};

void AppendNumber(std::string& out, uint32_t number, int bytes) {
  for (int i = 0; i < bytes; ++i) out += static_cast<char>(number >> (8 * i));
}

// nullopt: somebody in it is known by name only.
std::optional<std::vector<AclEntry>> ListOf(archive_entry* from, int type) {
  std::vector<AclEntry> list;
  archive_entry_acl_reset(from, type);
  int entry_type = 0;
  int permissions = 0;
  int archive_tag = 0;
  int id = 0;
  const char* name = nullptr;
  while (archive_entry_acl_next(from, type, &entry_type, &permissions, &archive_tag, &id, &name) == ARCHIVE_OK) {
    const auto* known = std::find_if(std::begin(kTags), std::end(kTags),
                                     [&](const auto& tag) { return tag.archive_tag == archive_tag; });
    if (known == std::end(kTags)) continue;
    const bool named = known->tag == kUser || known->tag == kGroup;
    if (named && id < 0) return std::nullopt;
    list.push_back({known->tag, static_cast<uint16_t>(permissions & 7), named ? static_cast<uint32_t>(id) : kNoId});
  }
  std::sort(list.begin(), list.end(),
            [](const AclEntry& a, const AclEntry& b) { return std::tie(a.tag, a.id) < std::tie(b.tag, b.id); });
  return list;
}

// The kernel wants a mask as soon as anybody is named.
void AddMask(std::vector<AclEntry>& list) {
  uint16_t permissions = 0;
  bool named = false;
  for (const AclEntry& entry : list) {
    if (entry.tag == kMask) return;
    named = named || entry.tag == kUser || entry.tag == kGroup;
    if (entry.tag == kUser || entry.tag == kGroup || entry.tag == kGroupObj) permissions |= entry.permissions;
  }
  if (!named) return;
  const auto place = std::find_if(list.begin(), list.end(), [](const AclEntry& entry) { return entry.tag > kMask; });
  list.insert(place, {kMask, permissions, kNoId});
}

std::string Encode(const std::vector<AclEntry>& list) {
  std::string bytes;
  AppendNumber(bytes, kVersion, 4);
  for (const AclEntry& entry : list) {
    AppendNumber(bytes, entry.tag, 2);
    AppendNumber(bytes, entry.permissions, 2);
    AppendNumber(bytes, entry.id, 4);
  }
  return bytes;
}

}  // namespace

bool TakeAcls(archive_entry* from, Entry& entry) {
  const int types = archive_entry_acl_types(from);
  bool complete = true;
  for (const auto& [type, name] :
       {std::pair{ARCHIVE_ENTRY_ACL_TYPE_ACCESS, kAclAccess}, std::pair{ARCHIVE_ENTRY_ACL_TYPE_DEFAULT, kAclDefault}}) {
    if ((types & type) == 0) continue;
    std::optional<std::vector<AclEntry>> list = ListOf(from, type);
    if (!list) {
      complete = complete && entry.xattrs.count(name) > 0;
      continue;
    }
    AddMask(*list);
    if (type == ARCHIVE_ENTRY_ACL_TYPE_ACCESS) {
      // libarchive has put the owning group's permissions into the mode; Linux has the mask there.
      for (const AclEntry& acl : *list) {
        if (acl.tag == kMask) entry.mode = static_cast<uint16_t>((entry.mode & ~0070) | (acl.permissions << 3));
      }
    }
    entry.xattrs.emplace(name, Encode(*list));
  }
  return complete;
}

}  // namespace wslm
