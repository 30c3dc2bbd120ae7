// xattr(7). The guest neither sees nor sets user.lxfs*; security.capability, trusted.* and ACLs, which the host's user
// may not set, are kept under user.lxfs. + their name. What an import found too large for the file, or on what can't
// carry any, is in the side store: it is shown and can be removed.
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
bool IsAcl(std::string_view name) { return name.starts_with("system.posix_acl_"); }
// What is kept under another name.
bool IsKept(std::string_view name) {
  return name == "security.capability" || name.starts_with(XATTR_TRUSTED_PREFIX) || IsAcl(name);
}

std::optional<Reply> Find(Kernel& k, const Call& call, By by, Target& target) {
  if (by == By::kFd) {
    k.ResolveFd(call, call.int_arg(0), target);
  } else if (int error = k.Resolve(call, k.CredentialsOf(call), AT_FDCWD, call.arg(0), by == By::kLink ? kNoFollow : 0,
                                   target)) {
    return Reply::Error(error);
  }
  if (target.error != 0) return Reply::Continue();
  return std::nullopt;
}

ssize_t GetOf(const Target& target, const std::string& name, void* value, size_t size) {
  return target.flags & AT_SYMLINK_NOFOLLOW ? ::lgetxattr(target.name.c_str(), name.c_str(), value, size)
                                            : ::getxattr(target.name.c_str(), name.c_str(), value, size);
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
  if (!kept && !name.starts_with(XATTR_USER_PREFIX)) return Reply::Continue();
  const Credentials& c = k.CredentialsOf(call);
  const bool side_store = k.files.HasSideXattrs();
  if (!kept && c.IsFileRoot() && !side_store) return Reply::Continue();
  Target target;
  if (c.IsFileRoot() && by != By::kFd && !k.files.foreign_mounts() && !side_store) {
    // ls and cp ask this of every file: what is kept is looked for at once, by the name.
    std::string path;
    if (int error = ReadGuestString(call.tid(), call.arg(0), PATH_MAX, path)) return Reply::Error(error);
    if (int error = k.paths.EnterRootOf(call.tid())) return Reply::Error(error);
    target.name = GuestPaths::NameOf(call.tid(), AT_FDCWD, path);
    target.flags = by == By::kLink ? AT_SYMLINK_NOFOLLOW : 0;
    const ssize_t size = path.empty() ? -1 : GetOf(target, kLxfsXattrPrefix + name, nullptr, 0);
    if (size < 0) return Reply::Continue();
  }
  if (auto done = Find(k, call, by, target)) return std::move(*done);
  if (name.starts_with(XATTR_USER_PREFIX) && by != By::kFd && !Kernel::Allowed(c, target.file, R_OK)) {
    return Reply::Error(EACCES);
  }
  if (target.file.mount != MountKind::kLxfs) return Reply::Continue();
  if (!kept) {
    if (!side_store || GetOf(target, name, nullptr, 0) >= 0) return Reply::Continue();
    const std::optional<std::string> value = FromSideStore(k, target, name);
    return value ? AnswerBytes(call, call.arg(2), call.arg(3), *value) : Reply::Continue();
  }
  if (name.starts_with(XATTR_TRUSTED_PREFIX) && !c.Has(CAP_SYS_ADMIN)) return Reply::Error(ENODATA);
  std::string value(XATTR_SIZE_MAX, '\0');
  const ssize_t size = GetOf(target, kLxfsXattrPrefix + name, value.data(), value.size());
  if (size < 0) {
    const int error = errno;
    if (const auto kept_beside = FromSideStore(k, target, name)) {
      return AnswerBytes(call, call.arg(2), call.arg(3), *kept_beside);
    }
    return error == ENODATA ? Reply::Continue() : Reply::Error(error == EPERM ? ENODATA : error);
  }
  value.resize(size);
  return AnswerBytes(call, call.arg(2), call.arg(3), value);
}

// The right to change attribute `name` of a file. 0 or the errno.
int MayChange(const Credentials& c, const GuestFile& file, const std::string& name) {
  if (IsHidden(name)) return EPERM;
  if (name == "security.capability") return c.Has(CAP_SETFCAP) ? 0 : EPERM;
  if (name.starts_with(XATTR_TRUSTED_PREFIX)) return c.Has(CAP_SYS_ADMIN) ? 0 : EPERM;
  if (IsAcl(name)) return c.fsuid == file.attributes.uid || c.Has(CAP_FOWNER) ? 0 : EPERM;
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

bool HasValue(const Target& target, const std::string& name, const std::string& value) {
  std::string there(XATTR_SIZE_MAX, '\0');
  const ssize_t size = GetOf(target, name, there.data(), there.size());
  return size >= 0 && value == std::string_view(there.data(), size);
}

Reply Set(Kernel& k, const Call& call, By by) {
  const Credentials& c = k.CredentialsOf(call);
  std::string name;
  if (int error = ReadName(call, name)) return Reply::Error(error);
  Target target;
  if (auto done = Find(k, call, by, target)) return std::move(*done);
  if (int error = MayChange(c, target.file, name)) return Reply::Error(error);
  if (!IsKept(name) || target.file.mount != MountKind::kLxfs) return Reply::Continue();
  // Nothing here enforces ACLs: better an honest no.
  if (IsAcl(name)) return Reply::Error(EOPNOTSUPP);
  if (call.arg(3) > XATTR_SIZE_MAX) return Reply::Error(E2BIG);
  std::string value(call.arg(3), '\0');
  if (int error = ReadGuest(call.tid(), call.arg(2), value.data(), value.size())) return Reply::Error(error);
  if (name == "security.capability" && !IsFileCapability(value)) return Reply::Error(EINVAL);
  const std::string kept = kLxfsXattrPrefix + name;
  const int flags = call.int_arg(4);
  call.journal().Begin();
  const int result = target.flags & AT_SYMLINK_NOFOLLOW
                         ? ::lsetxattr(target.name.c_str(), kept.c_str(), value.data(), value.size(), flags)
                         : ::setxattr(target.name.c_str(), kept.c_str(), value.data(), value.size(), flags);
  if (result == 0) return Reply::Value(0);
  const int error = errno;
  return Reply::Error(error == EEXIST && call.journal().Resumed() && HasValue(target, kept, value) ? 0 : error);
}

Reply RemoveOne(Kernel& k, const Call& call, By by) {
  const Credentials& c = k.CredentialsOf(call);
  std::string name;
  if (int error = ReadName(call, name)) return Reply::Error(error);
  Target target;
  if (auto done = Find(k, call, by, target)) return std::move(*done);
  if (int error = MayChange(c, target.file, name)) return Reply::Error(error);
  if (target.file.mount != MountKind::kLxfs) return Reply::Continue();
  // A value of the file's own may hide one there: both go.
  call.journal().Begin();
  int beside = k.files.RemoveSideXattr(target.name, target.flags, target.file, name);
  if (beside == ENODATA && call.journal().Resumed()) beside = 0;
  if (beside != 0 && beside != ENODATA) return Reply::Error(beside);
  if (!IsKept(name)) {
    return beside == 0 && GetOf(target, name, nullptr, 0) < 0 ? Reply::Value(0) : Reply::Continue();
  }
  const std::string kept = kLxfsXattrPrefix + name;
  const int result = target.flags & AT_SYMLINK_NOFOLLOW ? ::lremovexattr(target.name.c_str(), kept.c_str())
                                                        : ::removexattr(target.name.c_str(), kept.c_str());
  return Reply::Error(result == 0 || beside == 0 ? 0 : errno);
}

Reply List(Kernel& k, const Call& call, By by) {
  const Credentials& c = k.CredentialsOf(call);
  Target target;
  if (auto done = Find(k, call, by, target)) return std::move(*done);
  if (target.file.mount != MountKind::kLxfs && target.file.mount != MountKind::kDrvfs) return Reply::Continue();
  std::string names(XATTR_LIST_MAX, '\0');
  const ssize_t size = target.flags & AT_SYMLINK_NOFOLLOW
                           ? ::llistxattr(target.name.c_str(), names.data(), names.size())
                           : ::listxattr(target.name.c_str(), names.data(), names.size());
  const GuestXattrs beside = k.files.SideXattrs(target.name, target.flags, target.file);
  if (size < 0 && beside.empty()) return Reply::Continue();
  names.resize(size < 0 ? 0 : size);
  bool changed = false;
  std::set<std::string, std::less<>> listed;
  std::string shown;
  for (size_t start = 0; start < names.size(); start = names.find('\0', start) + 1) {
    std::string_view name(names.c_str() + start);
    if (IsHidden(name)) {
      changed = true;
      if (!name.starts_with(kLxfsXattrPrefix)) continue;
      name.remove_prefix(sizeof(kLxfsXattrPrefix) - 1);
      if (name.starts_with(XATTR_TRUSTED_PREFIX) && !c.Has(CAP_SYS_ADMIN)) continue;
    }
    shown.append(name).push_back('\0');
    if (!beside.empty()) listed.emplace(name);
  }
  for (const auto& [name, value] : beside) {
    if (listed.contains(name) || (name.starts_with(XATTR_TRUSTED_PREFIX) && !c.Has(CAP_SYS_ADMIN))) continue;
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
