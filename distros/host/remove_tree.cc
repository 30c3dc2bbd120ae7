#include "distros/host/remove_tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "distros/host/error.h"
#include "distros/host/files.h"
#include "distros/host/status_macros.h"
#include "distros/host/unique_fd.h"

namespace wslm {
namespace {

// A folder on the way down, to know it again on the way up.
struct Level {
  std::string name;
  dev_t device = 0;
  ino_t inode = 0;
};

// Neither through a link nor into another mount: EXDEV.
UniqueFd OpenBelow(int folder, const char* name, int flags) {
  open_how how = {};
  how.flags = static_cast<uint64_t>(flags | O_NOFOLLOW | O_CLOEXEC);
  how.resolve = RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS;
  return UniqueFd(static_cast<int>(::syscall(SYS_openat2, folder, name, &how, sizeof(how))));
}

// Opens a folder and sees to it that its entries can be listed and removed.
UniqueFd OpenFolder(int parent, const char* name) {
  UniqueFd fd = OpenBelow(parent, name, O_RDONLY | O_DIRECTORY);
  if (!fd && errno == EACCES) {
    const UniqueFd handle = OpenBelow(parent, name, O_PATH | O_DIRECTORY);
    if (!handle) return UniqueFd();
    // chmod of the descriptor itself: fchmod refuses O_PATH, and a name could have become a link.
    if (::chmod(absl::StrCat("/proc/self/fd/", handle.get()).c_str(), 0700) != 0) return UniqueFd();
    fd = OpenBelow(parent, name, O_RDONLY | O_DIRECTORY);
  }
  struct stat st;
  // A refusal shows itself at the first removal.
  if (fd && ::fstat(fd.get(), &st) == 0 && (st.st_mode & 0700) != 0700) (void)!::fchmod(fd.get(), 0700);
  return fd;
}

class Remover {
 public:
  // Removes `name` in `folder`.
  absl::Status Remove(int folder, const std::string& name) {
    if (::unlinkat(folder, name.c_str(), 0) == 0 || errno == ENOENT) return absl::OkStatus();
    if (errno != EISDIR && errno != EPERM) return Failure(name, errno);
    UniqueFd fd = OpenFolder(folder, name.c_str());
    if (!fd) return Failure(name, errno);
    RETURN_IF_ERROR(Empty(std::move(fd), name));
    if (::unlinkat(folder, name.c_str(), AT_REMOVEDIR) != 0) return Failure(name, errno);
    return absl::OkStatus();
  }

  // Removes what the folder `fd` holds; `name` is for messages.
  absl::Status Empty(UniqueFd fd, const std::string& name) {
    RETURN_IF_ERROR(Push(fd.get(), name));
    while (true) {
      ASSIGN_OR_RETURN(std::optional<std::string> child, RemoveUpToFolder(fd.get()));
      if (child) {
        UniqueFd below = OpenFolder(fd.get(), child->c_str());
        if (!below) return Failure(*child, errno);
        RETURN_IF_ERROR(Push(below.get(), *child));
        fd = std::move(below);
        continue;
      }
      const std::string emptied = std::move(levels_.back().name);
      levels_.pop_back();
      if (levels_.empty()) return absl::OkStatus();
      UniqueFd above = OpenBelow(fd.get(), "..", O_RDONLY | O_DIRECTORY);
      struct stat st;
      if (!above || ::fstat(above.get(), &st) != 0) return Failure(emptied, errno);
      // Somebody moved the folder while we were in it: what is above now is not ours to empty.
      if (st.st_dev != levels_.back().device || st.st_ino != levels_.back().inode) return Failure(emptied, ESTALE);
      if (::unlinkat(above.get(), emptied.c_str(), AT_REMOVEDIR) != 0) return Failure(emptied, errno);
      fd = std::move(above);
    }
  }

 private:
  absl::Status Push(int fd, const std::string& name) {
    struct stat st;
    if (::fstat(fd, &st) != 0) return Failure(name, errno);
    levels_.push_back({name, st.st_dev, st.st_ino});
    return absl::OkStatus();
  }

  // Removes files and empty folders. Answers the first folder that isn't empty; nullopt: nothing is left.
  absl::StatusOr<std::optional<std::string>> RemoveUpToFolder(int fd) {
    // A listing during which entries are removed may leave some out: only one that found nothing is the last.
    for (bool found = true; found;) {
      found = false;
      UniqueFd listed(::openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
      if (!listed) return Failure(levels_.back().name, errno);
      const std::unique_ptr<DIR, int (*)(DIR*)> stream(::fdopendir(listed.get()), &::closedir);
      if (stream == nullptr) return Failure(levels_.back().name, errno);
      (void)listed.Release();
      const auto next = [&] {
        errno = 0;
        return ::readdir(stream.get());
      };
      while (const dirent* entry = next()) {
        const std::string_view name = entry->d_name;
        if (name == "." || name == "..") continue;
        found = true;
        if (::unlinkat(fd, entry->d_name, 0) == 0 || errno == ENOENT) continue;
        if (errno != EISDIR && errno != EPERM) return Failure(entry->d_name, errno);
        if (::unlinkat(fd, entry->d_name, AT_REMOVEDIR) == 0) continue;
        // EACCES: it can't be looked into, so the kernel can't tell that it is empty on some file systems.
        if (errno == ENOTEMPTY || errno == EEXIST || errno == EACCES) return std::optional<std::string>(entry->d_name);
        return Failure(entry->d_name, errno);
      }
      if (errno != 0) return Failure(levels_.back().name, errno);
    }
    return std::nullopt;
  }

  absl::Status Failure(const std::string& name, int error) const {
    std::string path;
    for (const Level& level : levels_) absl::StrAppend(&path, level.name, "/");
    absl::StrAppend(&path, name);
    if (error == EXDEV || error == EBUSY) {
      return Error(absl::StatusCode::kFailedPrecondition, reason::kIoError,
                   absl::StrCat("Something is mounted on ", Escaped(path), "; unmount it first."), {{"path", path}});
    }
    return ErrnoError("cannot remove", path, error);
  }

  std::vector<Level> levels_;
};

}  // namespace

absl::Status RemoveTreeAt(int folder_fd, const std::string& name) { return Remover().Remove(folder_fd, name); }

absl::Status RemoveTree(const std::string& path) {
  absl::StatusOr<UniqueFd> parent = OpenFile(ParentPath(path), O_RDONLY | O_DIRECTORY);
  if (!parent.ok()) {
    return ReasonOf(parent.status()) == reason::kFileNotFound ? absl::OkStatus() : std::move(parent).status();
  }
  return RemoveTreeAt(parent->get(), BaseName(path));
}

absl::Status EmptyFolder(const std::string& path) {
  ASSIGN_OR_RETURN(UniqueFd fd, OpenFile(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
  return Remover().Empty(std::move(fd), path);
}

}  // namespace wslm
