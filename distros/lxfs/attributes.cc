#include "distros/lxfs/attributes.h"

#include <cstddef>

namespace wslm {
namespace {

constexpr uint32_t kRecordVersion = 1;
constexpr size_t kRecordSize = 24;
constexpr uint32_t kPermissions = 0777;
constexpr uint32_t kSetIdAndSticky = 07000;
constexpr uint32_t kGroupAndOther = 0077;
constexpr uint32_t kAnyExecute = 0111;

// The type is compared by itself: S_ISREG and its like want a mode_t.
uint32_t TypeOf(uint32_t mode) { return mode & S_IFMT; }

bool CarriesXattrs(uint32_t mode) { return TypeOf(mode) == S_IFREG || TypeOf(mode) == S_IFDIR; }

bool IsDevice(uint32_t mode) { return TypeOf(mode) == S_IFCHR || TypeOf(mode) == S_IFBLK; }

template <typename Integer>
void AppendLittleEndian(std::string& bytes, Integer value) {
  for (size_t i = 0; i < sizeof(value); ++i) bytes.push_back(static_cast<char>(value >> (8 * i) & 0xff));
}

template <typename Integer>
Integer TakeLittleEndian(std::string_view& bytes) {
  Integer value = 0;
  for (size_t i = 0; i < sizeof(value); ++i) value |= static_cast<Integer>(static_cast<uint8_t>(bytes[i])) << (8 * i);
  bytes.remove_prefix(sizeof(value));
  return value;
}

}  // namespace

std::string EncodeLxfsRecord(const GuestAttributes& attributes) {
  std::string bytes;
  bytes.reserve(kRecordSize);
  AppendLittleEndian(bytes, kRecordVersion);
  AppendLittleEndian(bytes, attributes.mode);
  AppendLittleEndian(bytes, attributes.uid);
  AppendLittleEndian(bytes, attributes.gid);
  AppendLittleEndian(bytes, attributes.rdev);
  return bytes;
}

std::optional<GuestAttributes> DecodeLxfsRecord(std::string_view bytes) {
  if (bytes.size() != kRecordSize) return std::nullopt;
  if (TakeLittleEndian<uint32_t>(bytes) != kRecordVersion) return std::nullopt;
  GuestAttributes attributes;
  attributes.mode = TakeLittleEndian<uint32_t>(bytes);
  attributes.uid = TakeLittleEndian<uint32_t>(bytes);
  attributes.gid = TakeLittleEndian<uint32_t>(bytes);
  attributes.rdev = TakeLittleEndian<uint64_t>(bytes);
  if ((attributes.mode & ~(S_IFMT | kSetIdAndSticky | kPermissions)) != 0) return std::nullopt;
  return attributes;
}

bool LxfsMayHaveRecord(const struct stat& host) {
  if (!CarriesXattrs(host.st_mode)) return true;
  return (host.st_mode & S_ISVTX) != 0 && (host.st_mode & kGroupAndOther) == 0;
}

// A record that was left behind by another file, where the file system gives no birth times, must not change a type.
bool LxfsRecordFits(const GuestAttributes& record, uint32_t host_mode) {
  if (TypeOf(record.mode) == TypeOf(host_mode)) return true;
  return TypeOf(host_mode) == S_IFSOCK && IsDevice(record.mode);
}

GuestAttributes LxfsGuestView(const struct stat& host, const std::optional<GuestAttributes>& record,
                              SecondOwner second_owner) {
  if (record && LxfsMayHaveRecord(host) && LxfsRecordFits(*record, host.st_mode)) return *record;
  if (!CarriesXattrs(host.st_mode)) {
    const uint32_t mode = TypeOf(host.st_mode) == S_IFLNK ? kPermissions : host.st_mode & kPermissions;
    return {.mode = TypeOf(host.st_mode) | mode};
  }
  if ((host.st_mode & S_ISVTX) == 0) return {.mode = host.st_mode};
  return {.mode = host.st_mode & ~static_cast<uint32_t>(S_ISVTX), .uid = second_owner.uid, .gid = second_owner.gid};
}

LxfsHostForm LxfsHostFormOf(const GuestAttributes& attributes, SecondOwner second_owner) {
  const bool roots = attributes.uid == 0 && attributes.gid == 0;
  const bool seconds = attributes.uid == second_owner.uid && attributes.gid == second_owner.gid;
  const bool special_bits = (attributes.mode & kSetIdAndSticky) != 0;
  const mode_t permissions = attributes.mode & kPermissions;
  const uint32_t type = TypeOf(attributes.mode);
  if (type == S_IFLNK)
    return {.host_mode = kPermissions, .needs_record = !roots || special_bits || permissions != 0777};
  if (!CarriesXattrs(attributes.mode)) {
    if (roots && !special_bits && !IsDevice(attributes.mode)) return {.host_mode = permissions};
    return {.host_mode = 0600, .needs_record = true};
  }
  const bool directory = type == S_IFDIR;
  const mode_t owner_needs = directory ? S_IRWXU : S_IRUSR;
  if (!special_bits && (permissions & owner_needs) == owner_needs) {
    if (roots) return {.host_mode = permissions};
    if (seconds) return {.host_mode = permissions | S_ISVTX};
  }
  const bool executable = directory || (permissions & kAnyExecute) != 0;
  return {.host_mode = S_ISVTX | static_cast<mode_t>(executable ? 0700 : 0600), .needs_record = true};
}

}  // namespace wslm
