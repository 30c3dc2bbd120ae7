// openat2(2). Where the call bounds the lookup, lxcore looks the path up with the same bounds, and what it has to do
// itself it does on what it found so; the walk part by part only tells whether the caller may search the folders.
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runtime-v1/lxcore/guest_memory.h"
#include "runtime-v1/lxcore/handlers.h"
#include "runtime-v1/lxcore/open_target.h"
#include "runtime-v1/lxcore/walk.h"

namespace wslm::lxcore {
namespace {

constexpr uint64_t kBounds =
    RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS | RESOLVE_BENEATH | RESOLVE_IN_ROOT;
constexpr int kMostLinks = 40;

// A path and what bounds its lookup.
struct Bounded {
  int folder;  // the guest's
  UniqueFd folder_fd;
  std::string path;
  uint64_t resolve;

  bool IsAbsolute() const { return path[0] == '/' && !(resolve & (RESOLVE_IN_ROOT | RESOLVE_BENEATH)); }
};

// Without reading or writing what is found.
UniqueFd Look(const Call& call, const Bounded& what, const std::string& path, uint64_t flags) {
  open_how how = {.flags = flags | O_PATH | O_CLOEXEC, .mode = 0, .resolve = what.resolve};
  const bool own = what.IsAbsolute();
  const std::string name = own ? GuestPaths::NameOf(call.tid(), what.folder, path) : path;
  const int folder = own ? AT_FDCWD : what.folder_fd.get();
  return UniqueFd(static_cast<int>(::syscall(SYS_openat2, folder, name.c_str(), &how, sizeof(how))));
}

// 0, or the errno for who may not search a folder on the way.
int MaySearch(Kernel& k, const Call& call, const Credentials& c, const Bounded& what, int options) {
  if (c.IsFileRoot()) return 0;
  Target walked;
  if (what.resolve & RESOLVE_IN_ROOT) options |= kInFolder;
  return Walk(k.proc, k.files, call.tid(), c, what.folder, what.path, options, walked);
}

Reply OpenFound(Kernel& k, const Call& call, const Credentials& c, UniqueFd fd, const open_how& how) {
  Target target;
  target.name = GuestFiles::OwnFdName(fd.get());
  if (int error = k.files.GetForRights(target.name, 0, target.file)) return Reply::Error(error);
  if (target.file.mount == MountKind::kForeign) return Reply::Continue();
  target.file_fd = std::move(fd);
  if (MakesTemporary(how.flags)) {
    return OpenTemporary(k, call, c, target, how.flags, static_cast<uint32_t>(how.mode));
  }
  return OpenExisting(k, call, c, target, how.flags);
}

// By this call, before an earlier lxcore ended.
bool WasMade(const Call& call, int fd) {
  struct statx host;
  return call.journal().Resumed() && ::statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS | STATX_BTIME, &host) == 0 &&
         call.journal().MayHaveMade(host, S_IFREG);
}

Reply OpenMissing(Kernel& k, const Call& call, const Credentials& c, UniqueFd parent, const SplitName& split,
                  const open_how& how, bool made_before) {
  Target target;
  target.error = made_before ? 0 : ENOENT;
  target.parent_name = GuestFiles::OwnFdName(parent.get());
  target.name = target.parent_name + "/" + split.base;
  target.base = split.base;
  target.trailing_slash = split.trailing_slash;
  if (int error = k.files.GetForRights(target.parent_name, 0, target.parent)) return Reply::Error(error);
  target.parent_known = true;
  target.parent_fd = std::move(parent);
  return OpenNew(k, call, c, target, how.flags, static_cast<uint32_t>(how.mode));
}

Reply OpenBounded(Kernel& k, const Call& call, const Credentials& c, Bounded what, const open_how& how) {
  const bool creates = (how.flags & O_CREAT) != 0 && !(how.flags & O_PATH);
  const bool itself = (how.flags & O_NOFOLLOW) || (creates && (how.flags & O_EXCL));
  for (int links = 0; links <= kMostLinks; ++links) {
    UniqueFd found = Look(call, what, what.path, (how.flags & O_DIRECTORY) | (itself ? O_NOFOLLOW : 0));
    const int error = found ? 0 : errno;
    if (error != 0 && (error != ENOENT || !creates)) return Reply::Error(error);
    if (int refused = MaySearch(k, call, c, what, itself ? kNoFollow : 0)) return Reply::Error(refused);
    const bool made_before = found && creates && WasMade(call, found.get());
    if (found && !made_before) return OpenFound(k, call, c, std::move(found), how);
    const SplitName split = SplitLast(what.path);
    UniqueFd parent = Look(call, what, split.folder, O_DIRECTORY);
    if (!parent) return Reply::Error(errno);
    char text[PATH_MAX];
    const ssize_t size = ::readlinkat(parent.get(), split.base.c_str(), text, sizeof(text));
    if (size < 0) return OpenMissing(k, call, c, std::move(parent), split, how, made_before);
    // A link to what isn't there yet.
    const std::string_view to(text, size);
    what.path = to.starts_with('/') ? std::string(to) : split.folder + "/" + std::string(to);
  }
  return Reply::Error(ELOOP);
}

}  // namespace

Reply SysOpenAt2(Kernel& k, const Call& call) {
  open_how how = {};
  if (call.arg(3) < sizeof(how)) return Reply::Continue();
  if (int error = ReadGuest(call.tid(), call.arg(2), &how, sizeof(how))) return Reply::Error(error);
  const bool makes = (how.flags & O_CREAT) || MakesTemporary(how.flags);
  if ((how.resolve & ~(kBounds | RESOLVE_CACHED)) || (how.flags >> 32) || how.mode > (makes ? 07777 : 0) ||
      (how.resolve & (RESOLVE_BENEATH | RESOLVE_IN_ROOT)) == (RESOLVE_BENEATH | RESOLVE_IN_ROOT)) {
    return Reply::Continue();  // it is EINVAL
  }
  const Credentials& c = k.CredentialsOf(call);
  const int folder = call.int_arg(0);
  if ((how.resolve & kBounds) == 0) {
    return OpenPath(k, call, folder, call.arg(1), how.flags, static_cast<uint32_t>(how.mode));
  }
  Bounded what = {.folder = folder, .folder_fd = {}, .path = {}, .resolve = how.resolve & kBounds};
  if (int error = ReadGuestString(call.tid(), call.arg(1), PATH_MAX, what.path)) return Reply::Error(error);
  if (what.path.empty()) return Reply::Error(ENOENT);
  if (!call.StillWaiting()) return Reply::Error(EINTR);
  if (int error = k.paths.EnterRootOf(call.tid())) return error == kElsewhere ? Reply::Continue() : Reply::Error(error);
  what.folder_fd.Reset(::open(GuestPaths::BaseOf(call.tid(), folder).c_str(), O_PATH | O_CLOEXEC));
  if (!what.folder_fd && !what.IsAbsolute()) return Reply::Error(errno == ENOENT ? EBADF : errno);
  return OpenBounded(k, call, c, std::move(what), how);
}

}  // namespace wslm::lxcore
