// xattr(7). The guest neither sees nor sets user.lxfs*; security.*, trusted.* and access lists, which the host's user
// may not set, are kept under user.lxfs. + their name, and those that the host gave a file of the distro's are not
// shown; what is too large for the file, or is of one that can't carry any, is in the side store.
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/limits.h>
#include <linux/xattr.h>
#include <sys/xattr.h>

#include <cstring>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "runtime-v1/lxcore/guest_memory.h"
#include "runtime-v1/lxcore/handlers.h"

namespace wslm::lxcore {
namespace {

constexpr size_t kLargestName = XATTR_NAME_MAX + 1;

enum class By { kPath, kLink, kFd };

bool IsHidden(std::string_view name) { return name.starts_with(kLxfsXattr) || name == kDrvfsXattr; }
bool IsList(std::string_view name) { return name == kAccessListXattr || name == kDefaultListXattr; }
bool IsTrusted(std::string_view name) { return name.starts_with(XATTR_TRUSTED_PREFIX); }
bool IsUsers(std::string_view name) { return name.starts_with(XATTR_USER_PREFIX); }
// Names of no kind, too: that there is no such kind is told to who may read the file.
bool NeedsReadRight(std::string_view name) {
  return !IsTrusted(name) && !name.starts_with(XATTR_SECURITY_PREFIX) && !name.starts_with(XATTR_SYSTEM_PREFIX);
}
// What is kept under another name.
bool IsKept(std::string_view name) {
  return (name.starts_with(XATTR_SECURITY_PREFIX) && name.size() > XATTR_SECURITY_PREFIX_LEN) ||
         (IsTrusted(name) && name.size() > XATTR_TRUSTED_PREFIX_LEN) || IsList(name);
}

// `options`: kOnlyLook or 0.
std::optional<Reply> Find(Kernel& k, const Call& call, By by, int options, Target& target) {
  if (by == By::kFd) {
    k.ResolveFd(call, call.int_arg(0), target);
  } else if (int error = k.Resolve(call, k.CredentialsOf(call), AT_FDCWD, call.arg(0),
                                   options | (by == By::kLink ? kNoFollow : 0), target)) {
    return Reply::Error(error);
  }
  if (target.error != 0) return Reply::Continue();
  return std::nullopt;
}

ssize_t GetOf(const Target& target, const std::string& name, void* value, size_t size) {
  return target.flags & AT_SYMLINK_NOFOLLOW ? ::lgetxattr(target.name.c_str(), name.c_str(), value, size)
                                            : ::getxattr(target.name.c_str(), name.c_str(), value, size);
}

// Whether the file itself has none at all, or the kernel is to say why that can't be told.
bool HasNone(const Target& target) {
  const ssize_t size = target.flags & AT_SYMLINK_NOFOLLOW ? ::llistxattr(target.name.c_str(), nullptr, 0)
                                                          : ::listxattr(target.name.c_str(), nullptr, 0);
  return size <= 0;
}

// What the side store has under `name`, where the file itself has nothing.
std::optional<std::string> FromSideStore(Kernel& k, const Target& target, const std::string& name) {
  GuestXattrs xattrs = k.files.SideXattrs(target.name, target.flags, target.file);
  const auto found = xattrs.find(name);
  if (found == xattrs.end()) return std::nullopt;
  return std::move(found->second);
}

// Reads the name of the attribute: an errno as the kernel gives it for one that is empty or too long.
int ReadName(const Call& call, std::string& name) {
  const int error = ReadGuestString(call.tid(), call.arg(1), kLargestName, name);
  return error == ENAMETOOLONG || (error == 0 && name.empty()) ? ERANGE : error;
}

// The errno for a result of `size` bytes that goes where the guest has room for `room`; 0 room asks for the size only.
Reply AnswerBytes(const Call& call, uint64_t to, uint64_t room, const std::string& bytes) {
  if (room == 0) return Reply::Value(bytes.size());
  if (room < bytes.size()) return Reply::Error(ERANGE);
  if (int error = WriteGuest(call.tid(), to, bytes.data(), bytes.size())) return Reply::Error(error);
  return Reply::Value(bytes.size());
}

Reply Get(Kernel& k, const Call& call, By by) {
  std::string name;
  if (int error = ReadName(call, name)) return Reply::Error(error);
  if (IsHidden(name)) return Reply::Error(ENODATA);
  const bool kept = IsKept(name);
  const Credentials& c = k.CredentialsOf(call);
  if (!kept && !NeedsReadRight(name) && c.IsFileRoot()) return Reply::Continue();
  const bool side_store = k.files.HasSideXattrs();
  if (!kept && c.IsFileRoot() && !side_store) return Reply::Continue();
  Target target;
  if (c.IsFileRoot() && by != By::kFd && !k.files.foreign_mounts() && !side_store) {
    // ls and cp ask this of every file, and few have any.
    std::string path;
    if (int error = ReadGuestString(call.tid(), call.arg(0), PATH_MAX, path)) return Reply::Error(error);
    if (int error = k.paths.EnterRootOf(call.tid())) return Reply::Error(error);
    target.name = GuestPaths::NameOf(call.tid(), AT_FDCWD, path);
    target.flags = by == By::kLink ? AT_SYMLINK_NOFOLLOW : 0;
    if (path.empty() || HasNone(target)) return Reply::Continue();
  }
  if (auto done = Find(k, call, by, kOnlyLook, target)) return std::move(*done);
  const bool has_none = IsUsers(name) && !target.file.is_directory() && target.file.type() != S_IFREG;
  if (has_none || (!kept && !NeedsReadRight(name))) return Reply::Continue();
  if (NeedsReadRight(name) && by != By::kFd && !Kernel::Allowed(c, target.file, R_OK)) {
    return Reply::Error(EACCES);
  }
  if (target.file.mount != MountKind::kLxfs) return Reply::Continue();
  if (!kept) {
    if (!side_store || GetOf(target, name, nullptr, 0) >= 0) return Reply::Continue();
    const std::optional<std::string> value = FromSideStore(k, target, name);
    return value ? AnswerBytes(call, call.arg(2), call.arg(3), *value) : Reply::Continue();
  }
  if (by == By::kFd && IsPathOnly(call, call.int_arg(0))) return Reply::Error(EBADF);
  if (IsTrusted(name) && !c.Has(CAP_SYS_ADMIN)) return Reply::Error(ENODATA);
  if (!side_store && HasNone(target)) return Reply::Continue();
  std::string value;
  const int error = k.files.GetKept(target.name, target.flags, target.file, name, value);
  // One of the host's is not the guest's.
  if (error == ENODATA && GetOf(target, name, nullptr, 0) < 0) return Reply::Continue();
  return error != 0 ? Reply::Error(error) : AnswerBytes(call, call.arg(2), call.arg(3), value);
}

// The right to change attribute `name` of a file. 0 or the errno.
int MayChange(const Credentials& c, const GuestFile& file, const std::string& name) {
  if (IsHidden(name)) return EPERM;
  if (name == kCapabilityXattr) return c.Has(CAP_SETFCAP) ? 0 : EPERM;
  if (IsTrusted(name) || name.starts_with(XATTR_SECURITY_PREFIX)) return c.Has(CAP_SYS_ADMIN) ? 0 : EPERM;
  const bool is_owner = c.fsuid == file.attributes.uid || c.HasOver(CAP_FOWNER, file.attributes.uid);
  if (IsList(name)) return is_owner || (name == kDefaultListXattr && !file.is_directory()) ? 0 : EPERM;
  if (name.starts_with(XATTR_SYSTEM_PREFIX)) return 0;
  if (IsUsers(name)) {
    if (!file.is_directory() && file.type() != S_IFREG) return EPERM;
    if (file.is_directory() && (file.attributes.mode & S_ISVTX) && !is_owner) return EPERM;
  }
  return Kernel::Allowed(c, file, W_OK) ? 0 : EACCES;
}

// A vfs_cap_data of one of the revisions that the kernel takes.
bool IsFileCapability(const std::string& value) {
  uint32_t magic;
  if (value.size() < sizeof(magic)) return false;
  std::memcpy(&magic, value.data(), sizeof(magic));
  const uint32_t revision = le32toh(magic) & VFS_CAP_REVISION_MASK;
  return (revision == VFS_CAP_REVISION_2 && value.size() == XATTR_CAPS_SZ_2) ||
         (revision == VFS_CAP_REVISION_3 && value.size() == XATTR_CAPS_SZ_3);
}

// What is no value, whoever sets it. 0 or the errno.
int CheckValue(const std::string& name, const std::string& value) {
  AccessList list;
  if (IsList(name)) return DecodeAccessList(value, list);
  return name == kCapabilityXattr && !value.empty() && !IsFileCapability(value) ? EINVAL : 0;
}

// A list of who may do what: the mode shows it.
int SetList(Kernel& k, const Credentials& c, const Target& target, const std::string& which, const std::string& value) {
  const GuestFile& file = target.file;
  AccessList list;
  if (int error = DecodeAccessList(value, list)) return error;
  GuestAttributes attributes = file.attributes;
  std::string kept = list.empty() ? "" : EncodeAccessList(list);
  if (which == kDefaultListXattr) {
    if (!file.is_directory()) return list.empty() ? 0 : EACCES;
  } else if (!list.empty()) {
    attributes.mode = ModeWithList(attributes.mode, list);
    if (!c.InGroup(attributes.gid) && !c.HasOver(CAP_FSETID, attributes.uid)) attributes.mode &= ~S_ISGID;
    if (SaysOnlyMode(list)) kept.clear();
  }
  const int error = kept.empty() ? k.files.RemoveKept(target.name, target.flags, file, which)
                                 : k.files.SetKept(target.name, target.flags, file, which, kept);
  if (error != 0 && error != ENODATA) return error;
  return k.files.SetWithRights(target.name, target.flags, file, attributes);
}

// The errno for XATTR_CREATE of what is there already, XATTR_REPLACE of what isn't, and for wrong values.
int MayBeKept(Kernel& k, const Target& target, const std::string& name, const std::string& value, int how) {
  if (name == kCapabilityXattr && !IsFileCapability(value)) return EINVAL;
  if (how == 0 || IsList(name)) return 0;
  std::string old;
  const int error = k.files.GetKept(target.name, target.flags, target.file, name, old);
  if (error != 0 && error != ENODATA) return error;
  if (how == XATTR_CREATE && error == 0) return EEXIST;
  return how == XATTR_REPLACE && error != 0 ? ENODATA : 0;
}

// `value`: of an attribute that is kept under another name.
int SetKept(Kernel& k, const Credentials& c, const Target& target, const std::string& name, const std::string& value) {
  if (IsList(name)) {
    if (target.file.type() == S_IFLNK) return EOPNOTSUPP;
    return SetList(k, c, target, name, value);
  }
  if (int error = k.files.SetKept(target.name, target.flags, target.file, name, value)) return error;
  if (!LxfsXattrNeedsRecord(name)) return 0;
  return k.files.SetWithRights(target.name, target.flags, target.file, target.file.attributes);
}

Reply Set(Kernel& k, const Call& call, By by) {
  const Credentials& c = k.CredentialsOf(call);
  std::string name;
  if (int error = ReadName(call, name)) return Reply::Error(error);
  const int how = call.int_arg(4);
  if (how & ~(XATTR_CREATE | XATTR_REPLACE)) return Reply::Error(EINVAL);
  if (call.arg(3) > XATTR_SIZE_MAX) return Reply::Error(E2BIG);
  std::string value;
  if (IsKept(name)) {
    value.resize(call.arg(3));
    if (int error = ReadGuest(call.tid(), call.arg(2), value.data(), value.size())) return Reply::Error(error);
  }
  Target target;
  if (auto done = Find(k, call, by, 0, target)) return std::move(*done);
  if (by == By::kFd && IsPathOnly(call, call.int_arg(0))) return Reply::Error(EBADF);
  if (int error = IsKept(name) && target.file.mount == MountKind::kLxfs ? CheckValue(name, value) : 0) {
    return Reply::Error(error);
  }
  if (target.file.mount == MountKind::kLxfs || !IsKept(name)) {
    if (int error = MayChange(c, target.file, name)) return Reply::Error(error);
  }
  if (!IsKept(name) || target.file.mount != MountKind::kLxfs) return Reply::Continue();
  // Until the change nothing differs from a call that no earlier lxcore has begun.
  if (!call.journal().Resumed()) {
    if (int error = MayBeKept(k, target, name, value, how)) return Reply::Error(error);
  }
  call.journal().Begin();
  return Reply::Error(SetKept(k, c, target, name, value));
}

Reply RemoveOne(Kernel& k, const Call& call, By by) {
  const Credentials& c = k.CredentialsOf(call);
  std::string name;
  if (int error = ReadName(call, name)) return Reply::Error(error);
  Target target;
  if (auto done = Find(k, call, by, 0, target)) return std::move(*done);
  if (by == By::kFd && IsPathOnly(call, call.int_arg(0))) return Reply::Error(EBADF);
  if (target.file.mount == MountKind::kLxfs || !IsKept(name)) {
    if (int error = MayChange(c, target.file, name)) return Reply::Error(error);
  }
  if (target.file.mount != MountKind::kLxfs) return Reply::Continue();
  if (IsList(name)) {
    if (target.file.type() == S_IFLNK) return Reply::Error(EOPNOTSUPP);
    return Reply::Error(SetList(k, c, target, name, ""));
  }
  const bool resumed = call.journal().Resumed();
  if (IsKept(name)) {
    std::string old;
    const int missing = resumed ? 0 : k.files.GetKept(target.name, target.flags, target.file, name, old);
    if (missing != 0) return Reply::Error(missing);
    call.journal().Begin();
    const int error = k.files.RemoveKept(target.name, target.flags, target.file, name);
    return Reply::Error(error == ENODATA && resumed ? 0 : error);
  }
  // A value of the file's own may hide one there: both go.
  if (FromSideStore(k, target, name)) call.journal().Begin();
  const int error = k.files.RemoveSideXattr(target.name, target.flags, target.file, name);
  const int beside = error == ENODATA && resumed ? 0 : error;
  if (beside != 0 && beside != ENODATA) return Reply::Error(beside);
  return beside == 0 && GetOf(target, name, nullptr, 0) < 0 ? Reply::Value(0) : Reply::Continue();
}

Reply List(Kernel& k, const Call& call, By by) {
  const Credentials& c = k.CredentialsOf(call);
  Target target;
  if (auto done = Find(k, call, by, kOnlyLook, target)) return std::move(*done);
  if (target.file.mount != MountKind::kLxfs && target.file.mount != MountKind::kDrvfs) return Reply::Continue();
  std::string names;
  const int error = GuestFiles::ListNames(target.name, target.flags, names);
  const GuestXattrs beside = k.files.SideXattrs(target.name, target.flags, target.file);
  if (error != 0 && beside.empty()) return Reply::Continue();
  bool changed = false;
  std::set<std::string, std::less<>> listed;
  std::string shown;
  for (size_t start = 0; start < names.size(); start = names.find('\0', start) + 1) {
    std::string_view name(names.c_str() + start);
    const bool is_hosts = target.file.mount == MountKind::kLxfs && IsKept(name);
    if (is_hosts || IsHidden(name)) {
      changed = true;
      if (!name.starts_with(kLxfsXattrPrefix)) continue;
      name.remove_prefix(sizeof(kLxfsXattrPrefix) - 1);
      if (IsTrusted(name) && !c.Has(CAP_SYS_ADMIN)) continue;
    }
    shown.append(name).push_back('\0');
    if (!beside.empty()) listed.emplace(name);
  }
  for (const auto& [name, value] : beside) {
    if (listed.contains(name) || (IsTrusted(name) && !c.Has(CAP_SYS_ADMIN))) continue;
    changed = true;
    shown.append(name).push_back('\0');
  }
  return changed ? AnswerBytes(call, call.arg(1), call.arg(2), shown) : Reply::Continue();
}

}  // namespace

Reply SysGetXattr(Kernel& k, const Call& call) { return Get(k, call, By::kPath); }
Reply SysLGetXattr(Kernel& k, const Call& call) { return Get(k, call, By::kLink); }
Reply SysFGetXattr(Kernel& k, const Call& call) { return Get(k, call, By::kFd); }
Reply SysSetXattr(Kernel& k, const Call& call) { return Set(k, call, By::kPath); }
Reply SysLSetXattr(Kernel& k, const Call& call) { return Set(k, call, By::kLink); }
Reply SysFSetXattr(Kernel& k, const Call& call) { return Set(k, call, By::kFd); }
Reply SysListXattr(Kernel& k, const Call& call) { return List(k, call, By::kPath); }
Reply SysLListXattr(Kernel& k, const Call& call) { return List(k, call, By::kLink); }
Reply SysFListXattr(Kernel& k, const Call& call) { return List(k, call, By::kFd); }
Reply SysRemoveXattr(Kernel& k, const Call& call) { return RemoveOne(k, call, By::kPath); }
Reply SysLRemoveXattr(Kernel& k, const Call& call) { return RemoveOne(k, call, By::kLink); }
Reply SysFRemoveXattr(Kernel& k, const Call& call) { return RemoveOne(k, call, By::kFd); }

}  // namespace wslm::lxcore
