// The guest's extended attributes of GuestFiles that the host's file doesn't have by their own names.
#include <errno.h>
#include <linux/limits.h>
#include <sys/xattr.h>

#include <algorithm>

#include "runtime-v1/lxcore/guest_files.h"

namespace wslm::lxcore {
namespace {

// Most values are small: a list of 60 entries.
constexpr size_t kUsualSize = 512;

ssize_t ReadXattr(const std::string& name, int flags, const std::string& xattr, void* value, size_t size) {
  return flags & AT_SYMLINK_NOFOLLOW ? ::lgetxattr(name.c_str(), xattr.c_str(), value, size)
                                     : ::getxattr(name.c_str(), xattr.c_str(), value, size);
}

// Only regular files and folders carry user attributes, and not everywhere.
bool IsElsewhere(int error) { return error == EPERM || error == EOPNOTSUPP; }

}  // namespace

int GuestFiles::GetKept(const std::string& name, int flags, const GuestFile& file, const std::string& xattr,
                        std::string& value) {
  const std::string kept = kLxfsXattrPrefix + xattr;
  value.resize(kUsualSize);
  ssize_t size = ReadXattr(name, flags, kept, value.data(), value.size());
  if (size < 0 && errno == ERANGE) {
    value.resize(XATTR_SIZE_MAX);
    size = ReadXattr(name, flags, kept, value.data(), value.size());
  }
  if (size >= 0) {
    value.resize(size);
    return 0;
  }
  const int error = errno;
  GuestXattrs beside = SideXattrs(name, flags, file);
  if (const auto found = beside.find(xattr); found != beside.end()) {
    value = std::move(found->second);
    return 0;
  }
  return IsElsewhere(error) ? ENODATA : error;
}

int GuestFiles::SetKept(const std::string& name, int flags, const GuestFile& file, const std::string& xattr,
                        const std::string& value) {
  const std::string kept = kLxfsXattrPrefix + xattr;
  const int result = flags & AT_SYMLINK_NOFOLLOW
                         ? ::lsetxattr(name.c_str(), kept.c_str(), value.data(), value.size(), 0)
                         : ::setxattr(name.c_str(), kept.c_str(), value.data(), value.size(), 0);
  const int error = result == 0 ? 0 : errno;
  if (error == 0 && !HasSideXattrs()) return 0;
  // ext4 says ENOSPC of a value that is too large for its place, others E2BIG.
  if (error != 0 && !IsElsewhere(error) && error != ENOSPC && error != E2BIG) return error;
  const GuestXattrs before = SideXattrs(name, flags, file);
  GuestXattrs after = before;
  if (error == 0) {
    after.erase(xattr);
  } else {
    after[xattr] = value;
  }
  return PutSideXattrs(name, flags, file, before, after);
}

int GuestFiles::RemoveKept(const std::string& name, int flags, const GuestFile& file, const std::string& xattr) {
  const std::string kept = kLxfsXattrPrefix + xattr;
  // To look costs a tenth of what file systems do to remove what isn't there.
  int result = ReadXattr(name, flags, kept, nullptr, 0) < 0 ? -1 : 0;
  if (result == 0) {
    result = flags & AT_SYMLINK_NOFOLLOW ? ::lremovexattr(name.c_str(), kept.c_str())
                                         : ::removexattr(name.c_str(), kept.c_str());
  }
  const int error = result == 0 ? 0 : errno;
  const int beside = RemoveSideXattr(name, flags, file, xattr);
  if (beside != ENODATA) return beside;
  return IsElsewhere(error) ? ENODATA : error;
}

int GuestFiles::GetList(const std::string& name, int flags, const GuestFile& file, const char* which,
                        AccessList& list) {
  list.clear();
  if (!file.has_record || file.mount != MountKind::kLxfs) return 0;
  std::string value;
  const int error = GetKept(name, flags, file, which, value);
  if (error == ENODATA) return 0;
  if (error != 0) return error;
  // What an import found and the kernel would not take says nothing.
  if (DecodeAccessList(value, list) != 0) list.clear();
  return 0;
}

int GuestFiles::GetForRights(const std::string& name, int flags, GuestFile& out) {
  if (int error = Get(name, flags, out)) return error;
  if (!out.has_record) return 0;
  AccessList list;
  if (int error = GetList(name, flags, out, kAccessListXattr, list)) return error;
  if (!list.empty()) out.list = std::make_shared<const AccessList>(std::move(list));
  return 0;
}

bool GuestFiles::HasKeptRights(const std::string& name, int flags, const GuestFile& file) {
  if (file.mount != MountKind::kLxfs || file.type() == S_IFLNK) return false;
  for (const auto& [xattr, value] : SideXattrs(name, flags, file)) {
    if (LxfsXattrNeedsRecord(xattr)) return true;
  }
  std::string names;
  ListNames(name, flags, names);
  for (std::string_view rest = names; !rest.empty(); rest.remove_prefix(rest.find('\0') + 1)) {
    const std::string_view xattr = rest.substr(0, rest.find('\0'));
    if (xattr.starts_with(kLxfsXattrPrefix) && LxfsXattrNeedsRecord(xattr.substr(sizeof(kLxfsXattrPrefix) - 1))) {
      return true;
    }
  }
  return false;
}

int GuestFiles::ListNames(const std::string& name, int flags, std::string& names) {
  const auto list = [&] {
    return flags & AT_SYMLINK_NOFOLLOW ? ::llistxattr(name.c_str(), names.data(), names.size())
                                       : ::listxattr(name.c_str(), names.data(), names.size());
  };
  names.resize(kUsualSize);
  ssize_t size = list();
  if (size < 0 && errno == ERANGE) {
    names.resize(XATTR_LIST_MAX);
    size = list();
  }
  const int error = size < 0 ? errno : 0;
  names.resize(std::max<ssize_t>(size, 0));
  return error;
}

GuestXattrs GuestFiles::SideXattrs(const std::string& name, int flags, const GuestFile& file) const {
  if (file.mount != MountKind::kLxfs || !side_.HasXattrs()) return {};
  return side_.Xattrs(KeyOf(name, flags, file.host));
}

int GuestFiles::RemoveSideXattr(const std::string& name, int flags, const GuestFile& file, const std::string& xattr) {
  const GuestXattrs before = SideXattrs(name, flags, file);
  GuestXattrs after = before;
  if (after.erase(xattr) == 0) return ENODATA;
  return PutSideXattrs(name, flags, file, before, after);
}

// 0 or an errno, and then they are as they were.
int GuestFiles::PutSideXattrs(const std::string& name, int flags, const GuestFile& file, const GuestXattrs& before,
                              const GuestXattrs& after) {
  if (before == after) return 0;
  const SideKey key = KeyOf(name, flags, file.host);
  if (!side_.PutXattrs(key, after)) return key.device != 0 ? EOPNOTSUPP : ENOSPC;
  const absl::Status status = side_.Commit();
  if (status.ok()) return 0;
  side_.PutXattrs(key, before);
  return ErrnoOf(status);
}

}  // namespace wslm::lxcore
