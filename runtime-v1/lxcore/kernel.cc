#include "runtime-v1/lxcore/kernel.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

#include "runtime-v1/lxcore/guest_memory.h"
#include "runtime-v1/lxcore/walk.h"

namespace wslm::lxcore {

bool Kernel::Allowed(const Credentials& c, const GuestFile& file, int wanted) {
  if (file.mount == MountKind::kHost || file.mount == MountKind::kNone || file.mount == MountKind::kForeign)
    return true;
  // Its group bits are the mask: where they are none, the kernel asks no list.
  if (file.list && c.fsuid != file.attributes.uid && (file.attributes.mode & 070)) {
    if (ListAllows(*file.list, c, file.attributes.gid, wanted)) return true;
    return MayOverride(c, file.attributes.mode, file.attributes.uid, wanted);
  }
  return MayAccess(c, file.attributes.mode, file.attributes.uid, file.attributes.gid, wanted);
}

int Kernel::MayChangeFolder(const Credentials& c, const Target& target) {
  return Allowed(c, target.parent, W_OK | X_OK) ? 0 : EACCES;
}

int Kernel::MayRemove(const Credentials& c, const Target& target) {
  if (int error = MayChangeFolder(c, target)) return error;
  const GuestAttributes& folder = target.parent.attributes;
  if (target.parent.mount == MountKind::kHost || !(folder.mode & S_ISVTX)) return 0;
  if (c.fsuid == folder.uid || c.fsuid == target.file.attributes.uid || c.Has(CAP_FOWNER)) return 0;
  return EPERM;
}

const Credentials& Kernel::CredentialsOf(const Call& call) {
  environments.ShowAgain(call.tid());
  if (const std::optional<uint32_t> login = logins.Written(call.tid())) {
    Credentials logged_in = identities.Of(call.tid());
    logged_in.login = *login;
    identities.Assign(call.tid(), logged_in);
    logins.Forget(call.tid());
  }
  const Credentials& c = identities.Of(call.tid());
  if (!c.nested || c.root != kUnknownRoot) return c;
  const std::string process = std::to_string(call.tid());
  if (!user_namespaces.IsMapped(process, c)) return c;
  Credentials known = c;
  known.root = user_namespaces.MapOf(process, UserNamespaces::Ids::kUsers).Outside(0).value_or(kNoRoot);
  identities.Assign(call.tid(), known);
  return identities.Of(call.tid());
}

const IdMap& Kernel::MapOf(const Call& call, UserNamespaces::Ids ids) {
  static const IdMap& none = *new IdMap;
  // What is known of the number of its namespace may be of one that is gone.
  if (CredentialsOf(call).root == kUnknownRoot) return none;
  return user_namespaces.MapOf(std::to_string(call.tid()), ids);
}

uint32_t Kernel::ShownUid(const Call& call, uint32_t uid) {
  return CredentialsOf(call).nested ? MapOf(call, UserNamespaces::Ids::kUsers).Inside(uid) : uid;
}

uint32_t Kernel::ShownGid(const Call& call, uint32_t gid) {
  return CredentialsOf(call).nested ? MapOf(call, UserNamespaces::Ids::kGroups).Inside(gid) : gid;
}

std::optional<uint32_t> Kernel::GivenUid(const Call& call, uint32_t uid) {
  if (uid == kKeep || !CredentialsOf(call).nested) return uid;
  return MapOf(call, UserNamespaces::Ids::kUsers).Outside(uid);
}

std::optional<uint32_t> Kernel::GivenGid(const Call& call, uint32_t gid) {
  if (gid == kKeep || !CredentialsOf(call).nested) return gid;
  return MapOf(call, UserNamespaces::Ids::kGroups).Outside(gid);
}

int Kernel::ResolveFd(const Call& call, int fd, Target& target) {
  target.name = GuestPaths::BaseOf(call.tid(), fd);
  target.flags = 0;
  target.error = files.Get(target.name, 0, target.file);
  if (target.error == 0 && target.file.mount == MountKind::kForeign) target.error = kElsewhere;
  return 0;
}

int Kernel::Resolve(const Call& call, const Credentials& c, int folder, uint64_t address, int options, Target& target) {
  std::string path;
  if (address != 0 || !(options & kEmptyPath)) {
    if (int error = ReadGuestString(call.tid(), address, PATH_MAX, path)) return error;
  }
  return ResolvePath(call, c, folder, path, options, target);
}

int Kernel::ResolvePath(const Call& call, const Credentials& c, int folder, const std::string& path, int options,
                        Target& target) {
  if (path.empty()) return options & kEmptyPath ? ResolveFd(call, folder, target) : ENOENT;
  // A link to what is the caller's own (guest_paths.h).
  if (path == "/proc/mounts" && !(options & kNoFollow)) {
    return ResolvePath(call, c, folder, "/proc/self/mounts", options, target);
  }
  if (!(options & kOnlyLook) && !call.StillWaiting()) return EINTR;
  if (int error = paths.EnterRootOf(call.tid())) {
    target.error = error;
    return error == kElsewhere ? 0 : error;
  }
  if (!c.IsFileRoot() || files.foreign_mounts()) return Walk(proc, files, call.tid(), c, folder, path, options, target);
  target.name = GuestPaths::NameOf(call.tid(), folder, path);
  target.flags = options & kNoFollow ? AT_SYMLINK_NOFOLLOW : 0;
  target.error = files.Get(target.name, target.flags, target.file);
  if (options & kWithParent) {
    SplitName split = SplitLast(target.name);
    target.trailing_slash = split.trailing_slash;
    target.base = std::move(split.base);
    target.parent_name = std::move(split.folder);
    target.parent_known = files.Get(target.parent_name, 0, target.parent) == 0;
  }
  return 0;
}

// procfs shows by a link's mode what its descriptor may be used for.
bool IsPathOnly(const Call& call, int fd) {
  struct stat link;
  return ::lstat(GuestPaths::BaseOf(call.tid(), fd).c_str(), &link) == 0 && (link.st_mode & 0600) == 0;
}

GuestAttributes AttributesOfNew(const Credentials& c, const GuestFile& parent, uint32_t mode, uint64_t rdev) {
  GuestAttributes attributes{.mode = mode, .uid = c.fsuid, .gid = c.fsgid, .rdev = rdev};
  if (parent.attributes.mode & S_ISGID) {
    attributes.gid = parent.attributes.gid;
    if (S_ISDIR(mode)) {
      attributes.mode |= S_ISGID;
    } else if ((mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP) && !c.InGroup(attributes.gid) &&
               !c.Has(CAP_FSETID)) {
      attributes.mode &= ~S_ISGID;
    }
  }
  return attributes;
}

}  // namespace wslm::lxcore
