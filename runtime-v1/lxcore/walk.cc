#include "runtime-v1/lxcore/walk.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

#include <optional>

#include "runtime-v1/lxcore/process_facts.h"

namespace wslm::lxcore {
namespace {

constexpr int kMostLinks = 40;

// Links of procfs that are text, not a way into a process.
bool IsPlainProcLink(const std::string& name) { return name == "self" || name == "thread-self" || name == "mounts"; }

// "net" is one, but for the namespace of that name.
bool IsPlainProcLink(const std::string& name, const std::string& path) {
  if (name != "net") return IsPlainProcLink(name);
  char text[16];
  const ssize_t size = ::readlink(path.c_str(), text, sizeof(text));
  return size > 0 && std::string_view(text, size).starts_with("self/");
}

bool IsSame(const struct statx& a, const struct statx& b) {
  return a.stx_ino == b.stx_ino && a.stx_mnt_id == b.stx_mnt_id && a.stx_dev_major == b.stx_dev_major &&
         a.stx_dev_minor == b.stx_dev_minor;
}

// Where lxcore goes no further. A folder on no mount is on one that is nowhere attached, of whatever type.
bool IsElsewhere(const GuestFile& file) {
  return file.mount == MountKind::kForeign || (file.mount == MountKind::kNone && file.is_directory());
}

class Walker {
 public:
  Walker(int proc, GuestFiles& files, pid_t tid, const Credentials& c) : proc_(proc), files_(files), tid_(tid), c_(c) {}

  // Walk by names, beginnings of the path, for a third of the price: they may be replaced before they are used.
  // nullopt: it isn't so plain that this could tell.
  std::optional<int> Look(int folder, std::string path, int options, Target& target) {
    if (options & kInFolder) return std::nullopt;
    rest_ = std::move(path);
    std::string name = rest_[0] == '/' ? "/" : GuestPaths::BaseOf(tid_, folder);
    if (files_.GetForRights(name, 0, here_) != 0) return std::nullopt;
    for (;;) {
      std::string part;
      const bool last = !NextPart(part);
      if (IsElsewhere(here_) || part.empty()) {
        target.error = part.empty() && !IsElsewhere(here_) ? 0 : kElsewhere;
        target.name = std::move(name);
        target.flags = 0;
        target.file = here_;
        return 0;
      }
      if (!here_.is_directory()) return ENOTDIR;
      if (!Kernel::Allowed(c_, here_, X_OK)) return EACCES;
      if (part == ".") continue;
      if (part.size() > NAME_MAX) return ENAMETOOLONG;
      std::string next = name + (name.ends_with('/') ? "" : "/") + part;
      GuestFile file;
      const int error = files_.GetForRights(next, AT_SYMLINK_NOFOLLOW, file);
      // That of the name here may be too long only for what lxcore puts before it.
      if (error == ENAMETOOLONG) return std::nullopt;
      if (error != 0 && (!last || part == ".." || error != ENOENT)) return error;
      if (error == 0 && file.type() == S_IFLNK && !(last && EndsAtLink(options))) {
        std::string text;
        if (++links_ > kMostLinks || file.mount == MountKind::kProc) return std::nullopt;
        if (int read = ReadLink(next, part, file, text)) return read;
        PutBefore(std::move(text), last);
        if (rest_[0] != '/') continue;
        name = "/";
        if (files_.GetForRights(name, 0, here_) != 0) return std::nullopt;
        continue;
      }
      if (part == ".." || (!last && error == 0)) {
        name = std::move(next);
        here_ = file;
        continue;
      }
      if (error == 0 && MustBeFolder(options) && !file.is_directory()) return ENOTDIR;
      target.parent_name = std::move(name);
      Found(std::move(part), std::move(next), AT_SYMLINK_NOFOLLOW, error, file, target);
      return 0;
    }
  }

  // Holds what Look found, if it is still there: from then on no name on the way counts.
  static bool Hold(Target& target) {
    const struct statx& seen = target.parent_known ? target.parent.host : target.file.host;
    UniqueFd fd(::open((target.parent_known ? target.parent_name : target.name).c_str(), O_PATH | O_CLOEXEC));
    struct statx held;
    if (!fd || ::statx(fd.get(), "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_INO | STATX_MNT_ID, &held) != 0 ||
        !IsSame(held, seen)) {
      return false;
    }
    if (target.parent_known) {
      target.parent_name = GuestFiles::OwnFdName(fd.get());
      target.name = target.parent_name + "/" + target.base;
      target.parent_fd = std::move(fd);
    } else {
      target.name = GuestFiles::OwnFdName(fd.get());
      target.file_fd = std::move(fd);
    }
    return true;
  }

  int Walk(int folder, std::string rest, int options, Target& target) {
    rest_ = std::move(rest);
    const bool in_folder = options & kInFolder;
    const std::string root = in_folder ? GuestPaths::BaseOf(tid_, folder) : "/";
    const bool from_root = rest_[0] == '/' && !in_folder;
    if (int error = Enter(from_root ? "/" : GuestPaths::BaseOf(tid_, folder))) {
      // A number that is no descriptor: let the kernel say so.
      return !from_root && folder != AT_FDCWD && error == ENOENT ? EBADF : error;
    }
    const struct statx start = here_.host;
    for (;;) {
      if (IsElsewhere(here_)) {
        target.error = kElsewhere;
        return 0;
      }
      std::string part;
      const bool more = NextPart(part);
      if (part.empty()) return Here(target);
      if (!here_.is_directory()) return ENOTDIR;
      if (!Kernel::Allowed(c_, here_, X_OK)) return EACCES;
      if (part == ".") continue;
      if (part == "..") {
        const bool at_start = here_.host.stx_ino == start.stx_ino && here_.host.stx_mnt_id == start.stx_mnt_id;
        if (in_folder && at_start) continue;
        if (int error = Enter(NameIn(part))) return error;
        continue;
      }
      if (part.size() > NAME_MAX) return ENAMETOOLONG;
      const std::string name = NameIn(part);
      GuestFile file;
      const int error = files_.GetForRights(name, AT_SYMLINK_NOFOLLOW, file);
      const bool last = !more;
      if (error != 0) {
        if (!last || error != ENOENT) return error;
        return Last(std::move(part), name, AT_SYMLINK_NOFOLLOW, error, file, target);
      }
      if (file.type() != S_IFLNK || (last && EndsAtLink(options))) {
        if (last) {
          if (MustBeFolder(options) && !file.is_directory()) return ENOTDIR;
          return Last(std::move(part), name, AT_SYMLINK_NOFOLLOW, 0, file, target);
        }
        if (int entered = Enter(name)) return entered;
        continue;
      }
      if (++links_ > kMostLinks) return ELOOP;
      std::string text;
      if (int read = ReadLink(name, part, file, text)) return read;
      if (text.empty()) {  // a magic link: only the kernel knows where it leads
        if (last) {
          GuestFile end;
          const int found = files_.GetForRights(name, 0, end);
          return Last(std::move(part), name, 0, found, end, target);
        }
        if (int entered = Enter(name, 0)) return entered;
        continue;
      }
      PutBefore(std::move(text), last);
      if (rest_[0] == '/') {
        if (int entered = Enter(root, 0)) return entered;
      }
    }
  }

 private:
  // The next part of rest_, empty at the end. Whether there is another after it.
  bool NextPart(std::string& part) {
    const size_t start = rest_.find_first_not_of('/');
    if (start == std::string::npos) {
      part.clear();
      return false;
    }
    const size_t end = rest_.find('/', start);
    part = rest_.substr(start, end == std::string::npos ? std::string::npos : end - start);
    const size_t next = end == std::string::npos ? end : rest_.find_first_not_of('/', end);
    trailing_slash_ = end != std::string::npos && next == std::string::npos;
    rest_ = next == std::string::npos ? "" : rest_.substr(next);
    return !rest_.empty();
  }

  // A slash behind the last name asks for what a link leads to, and for a folder; not where the name itself is to be
  // made or to go.
  bool MustBeFolder(int options) const {
    return trailing_slash_ && !((options & kNoFollow) && (options & kWithParent));
  }
  bool EndsAtLink(int options) const { return (options & kNoFollow) && !MustBeFolder(options); }

  // The text of a link, in place of the part that it was.
  void PutBefore(std::string text, bool last) {
    if (!last) text += "/" + rest_;
    if (last && trailing_slash_) text += "/";
    rest_ = std::move(text);
  }

  std::string NameIn(const std::string& part) const { return GuestFiles::OwnFdName(fd_.get()) + "/" + part; }

  int Enter(const std::string& name, int no_follow = O_NOFOLLOW) {
    // BaseOf and "/" are entered through magic links and the root.
    if (!fd_) no_follow = 0;
    UniqueFd next(::open(name.c_str(), O_PATH | O_CLOEXEC | no_follow));
    if (!next) return errno;
    fd_ = std::move(next);
    return files_.GetForRights(GuestFiles::OwnFdName(fd_.get()), 0, here_);
  }

  // The link's text; empty for a magic link.
  int ReadLink(const std::string& name, const std::string& part, const GuestFile& link, std::string& text) {
    if (link.mount == MountKind::kProc) {
      if (part == "self" || part == "thread-self") {
        const ThreadIds ids = IdsIn(fd_.get(), proc_, tid_);
        text = std::to_string(ids.process);
        if (part == "thread-self") text += "/task/" + std::to_string(ids.thread);
        return 0;
      }
      if (!IsPlainProcLink(part, name)) return MayFollowProcLink(c_, part, name, link) ? 0 : EACCES;
    }
    char buffer[PATH_MAX];
    const ssize_t size = ::readlink(name.c_str(), buffer, sizeof(buffer));
    if (size < 0) return errno;
    text.assign(buffer, size);
    return size == 0 ? ENOENT : 0;
  }

  int Here(Target& target) {
    target.name = GuestFiles::OwnFdName(fd_.get());
    target.flags = 0;
    target.file = here_;
    target.error = 0;
    target.file_fd = std::move(fd_);
    return 0;
  }

  int Last(std::string part, const std::string& name, int flags, int error, const GuestFile& file, Target& target) {
    target.parent_name = GuestFiles::OwnFdName(fd_.get());
    target.parent_fd = std::move(fd_);
    Found(std::move(part), name, flags, error, file, target);
    return 0;
  }

  // `part` of the folder that is here.
  void Found(std::string part, std::string name, int flags, int error, const GuestFile& file, Target& target) {
    target.name = std::move(name);
    target.flags = flags;
    target.error = error == 0 && IsElsewhere(file) ? kElsewhere : error;
    target.file = file;
    target.base = std::move(part);
    target.parent = here_;
    target.parent_known = true;
    target.trailing_slash = trailing_slash_;
  }

  int proc_;
  GuestFiles& files_;
  pid_t tid_;
  const Credentials& c_;
  std::string rest_;
  UniqueFd fd_;
  GuestFile here_;
  bool trailing_slash_ = false;
  int links_ = 0;
};

}  // namespace

bool MayFollowProcLink(const Credentials& c, const std::string& name, const std::string& path, const GuestFile& file) {
  if (file.mount != MountKind::kProc || file.type() != S_IFLNK || IsPlainProcLink(name, path)) return true;
  return file.attributes.uid == c.fsuid || c.Has(CAP_SYS_PTRACE);
}

int Walk(int proc, GuestFiles& files, pid_t tid, const Credentials& c, int folder, const std::string& path, int options,
         Target& target) {
  const bool looks = (options & kOnlyLook) != 0;
  // Who has only names may be led into a foreign mount, and wait there.
  if (looks || !files.foreign_mounts()) {
    Target found;
    const std::optional<int> error = Walker(proc, files, tid, c).Look(folder, path, options, found);
    if (error && (looks || *error != 0 || found.error == kElsewhere || Walker::Hold(found))) {
      target = std::move(found);
      return *error;
    }
  }
  return Walker(proc, files, tid, c).Walk(folder, path, options, target);
}

}  // namespace wslm::lxcore
