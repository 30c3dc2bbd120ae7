#include "distros/lxfs/tree_walk.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <string_view>
#include <utility>

#include "distros/host/error.h"
#include "distros/host/status_macros.h"

namespace wslm {
namespace {

constexpr int kFolderFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
constexpr size_t kListingBuffer = size_t{64} << 10;

UniqueFd OpenFolder(int parent, const char* name) {
  // Only the owner may leave the time of access alone.
  UniqueFd fd(openat(parent, name, kFolderFlags | O_NOATIME));
  if (!fd && errno == EPERM) fd.Reset(openat(parent, name, kFolderFlags));
  return fd;
}

uint8_t TypeOf(mode_t mode) { return static_cast<uint8_t>(IFTODT(mode)); }

}  // namespace

TreeWalk::TreeWalk(UniqueFd root, OpenUp open_up) : root_(std::move(root)), open_up_(std::move(open_up)) {}

absl::StatusOr<bool> TreeWalk::Next(Item& item) {
  item.directory = -1;
  item.is_mount = false;
  mount_.Reset();
  if (!started_) {
    started_ = true;
    item.folder = -1;
    return Enter(item, "");
  }
  while (!levels_.empty()) {
    Level& level = levels_.back();
    path_.resize(level.path_length);
    if (level.next == level.names.size()) {
      RETURN_IF_ERROR(Leave());
      continue;
    }
    Name& found = level.names[level.next++];
    const char* name = level.bytes.data() + found.offset;
    item.folder = level.fd.get();
    if (found.type == DT_UNKNOWN) {
      struct stat st;
      if (fstatat(item.folder, name, &st, AT_SYMLINK_NOFOLLOW) != 0) {
        if (errno == ENOENT) continue;
        return ErrnoError("cannot look at", path_ + "/" + name);
      }
      found.type = TypeOf(st.st_mode);
    }
    if (!path_.empty()) path_ += '/';
    path_ += name;
    item.type = found.type;
    if (found.type == DT_DIR) {
      ASSIGN_OR_RETURN(const bool entered, Enter(item, name));
      if (!entered) continue;
      return true;
    }
    item.path = path_;
    item.name = name;
    return true;
  }
  return false;
}

// Gives out the folder `name` of item.folder, or the root, and makes it the next to be listed. False: it is gone.
absl::StatusOr<bool> TreeWalk::Enter(Item& item, const char* name) {
  UniqueFd fd = item.folder < 0 ? std::move(root_) : OpenFolder(item.folder, name);
  if (!fd && errno == EACCES && open_up_ != nullptr) {
    if (open_up_(item.folder, name)) {
      fd = OpenFolder(item.folder, name);
    } else {
      errno = EACCES;
    }
  }
  if (!fd) {
    if (errno == ENOENT || errno == ENOTDIR || errno == ELOOP) return false;
    if (errno == EACCES) {
      return Error(absl::StatusCode::kPermissionDenied, reason::kPermissionDenied,
                   "The folder " + Escaped(path_) +
                       " of the distro can't be read by its owner. Give the right back with "
                       "'chmod u+rwx'.",
                   {{"path", path_}});
    }
    return ErrnoError("cannot open", path_);
  }
  struct stat st;
  if (fstat(fd.get(), &st) != 0) return ErrnoError("cannot look at", path_);
  if (item.folder < 0) device_ = st.st_dev;
  item.path = path_;
  item.name = name;
  item.type = DT_DIR;
  item.directory = fd.get();
  item.is_mount = st.st_dev != device_;
  if (item.is_mount) {
    mount_ = std::move(fd);
    return true;
  }
  Level level{.fd = std::move(fd), .device = st.st_dev, .inode = st.st_ino, .path_length = path_.size()};
  RETURN_IF_ERROR(List(level));
  levels_.push_back(std::move(level));
  // The folder that holds this one stays open for who looks at the item; those far above are opened again on the way
  // up.
  if (levels_.size() > kOpenFolders) levels_[levels_.size() - 1 - kOpenFolders].fd.Reset();
  return true;
}

absl::Status TreeWalk::List(Level& level) {
  alignas(dirent64) char buffer[kListingBuffer];
  while (true) {
    const ssize_t length = getdents64(level.fd.get(), buffer, sizeof(buffer));
    if (length < 0) return ErrnoError("cannot list", path_);
    if (length == 0) break;
    for (ssize_t offset = 0; offset < length;) {
      const auto* entry = reinterpret_cast<const dirent64*>(buffer + offset);
      offset += entry->d_reclen;
      const std::string_view name = entry->d_name;
      if (name == "." || name == "..") continue;
      level.names.push_back(
          {.inode = entry->d_ino, .offset = static_cast<uint32_t>(level.bytes.size()), .type = entry->d_type});
      level.bytes.append(name.data(), name.size() + 1);
    }
  }
  std::sort(level.names.begin(), level.names.end(), [](const Name& a, const Name& b) { return a.inode < b.inode; });
  return absl::OkStatus();
}

absl::Status TreeWalk::Leave() {
  const UniqueFd left = std::move(levels_.back().fd);
  levels_.pop_back();
  if (levels_.empty() || levels_.back().fd) return absl::OkStatus();
  Level& above = levels_.back();
  above.fd = OpenFolder(left.get(), "..");
  struct stat st;
  if (!above.fd || fstat(above.fd.get(), &st) != 0) return ErrnoError("cannot go back to the folder above", path_);
  if (st.st_dev == above.device && st.st_ino == above.inode) return absl::OkStatus();
  return Error(absl::StatusCode::kAborted, reason::kIoError,
               "The folder " + Escaped(path_) +
                   " was moved while it was read. Stop what works on the distro's files, and "
                   "try again.");
}

}  // namespace wslm
