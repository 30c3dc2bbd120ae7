#include "distros/lxfs/folder_table.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>

#include "distros/host/error.h"
#include "distros/host/status_macros.h"
#include "distros/lxfs/timestamps.h"

namespace wslm {
namespace {

// As many as Linux follows in one path.
constexpr int kMaximumLinks = 40;
constexpr int kOpenFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
constexpr mode_t kMissingFolderMode = 0755;

absl::Status Corrupt(std::string_view path, std::string_view why) {
  return Error(absl::StatusCode::kInvalidArgument, reason::kCorruptSource,
               "The entry " + Escaped(path) + " can't be: " + std::string(why) + ".", {{"path", std::string(path)}});
}

// Takes the first component off `path`.
std::string_view TakeComponent(std::string_view& path) {
  const size_t slash = path.find('/');
  const std::string_view component = path.substr(0, slash);
  path.remove_prefix(slash == std::string_view::npos ? path.size() : slash + 1);
  return component;
}

// As Entry::path is said to be.
bool IsNormalised(std::string_view path) {
  if (path.empty() || path.back() == '/' || path.find('\0') != std::string_view::npos) return false;
  while (!path.empty()) {
    const std::string_view component = TakeComponent(path);
    if (component.empty() || component == "." || component == ".." || component.size() > NAME_MAX) return false;
  }
  return true;
}

}  // namespace

FolderTable::FolderTable(UniqueFd root) : root_(std::move(root)) { folders_.emplace_back(); }

std::optional<FolderTable::Id> FolderTable::Find(Id parent, std::string_view name) const {
  const auto found = by_name_.find(Key(parent, name));
  return found == by_name_.end() ? std::nullopt : std::optional(found->second);
}

absl::StatusOr<std::optional<FolderTable::Place>> FolderTable::Resolve(std::string_view path, bool make_parents) {
  if (!IsNormalised(path)) return Corrupt(path, "its path is none that a file can have");
  const size_t last_slash = path.rfind('/');
  const std::string_view name = last_slash == std::string_view::npos ? path : path.substr(last_slash + 1);
  std::string_view parents = last_slash == std::string_view::npos ? std::string_view() : path.substr(0, last_slash);
  Id folder = kRoot;
  // What a link led to is looked at before the rest of the path.
  std::string rest;
  std::string_view linked;
  int links_followed = 0;
  while (!linked.empty() || !parents.empty()) {
    const bool from_link = !linked.empty();
    const std::string_view component = TakeComponent(from_link ? linked : parents);
    if (component.empty() || component == "." || component == "..") {
      if (component == ".." && folder != kRoot) folder = folders_[folder].parent;
      continue;
    }
    if (const std::optional<Id> known = Find(folder, component)) {
      folder = *known;
      continue;
    }
    if (component.size() > NAME_MAX) return Corrupt(path, "a name in it is too long");
    std::string target;
    ASSIGN_OR_RETURN(const std::optional<Id> entered,
                     Enter(folder, std::string(component), make_parents, target, links_followed, path));
    if (entered) {
      folder = *entered;
    } else if (!target.empty()) {
      if (target.front() == '/') folder = kRoot;
      rest = target + "/" + std::string(linked);
      linked = rest;
    } else {
      return std::nullopt;
    }
  }
  return Place{.folder = folder, .name = std::string(name)};
}

// A component that is no known folder: a link, whose target is answered in `target`; nothing, which becomes a folder;
// or what can't be a parent.
absl::StatusOr<std::optional<FolderTable::Id>> FolderTable::Enter(Id parent, const std::string& name, bool make,
                                                                  std::string& target, int& links_followed,
                                                                  std::string_view path) {
  ASSIGN_OR_RETURN(const int fd, Descriptor(parent));
  std::array<char, PATH_MAX> buffer;
  const ssize_t length = readlinkat(fd, name.c_str(), buffer.data(), buffer.size());
  if (length > 0) {
    if (++links_followed > kMaximumLinks) return Corrupt(path, "the links in its path lead in a circle");
    target.assign(buffer.data(), static_cast<size_t>(length));
    return std::nullopt;
  }
  if (errno == EINVAL) return Corrupt(path, "what comes before " + Escaped(name) + "/ in the source is no folder");
  if (errno != ENOENT) return ErrnoError("cannot look at", path);
  if (!make) return std::nullopt;
  ASSIGN_OR_RETURN(const std::optional<Id> made_id, Make(parent, name));
  if (!made_id) return ErrnoError("cannot make the folder of", path, EEXIST);
  const Id folder = *made_id;
  ASSIGN_OR_RETURN(const int made, Descriptor(folder));
  if (fchmod(made, kMissingFolderMode) != 0) return ErrnoError("cannot set the mode of the folder of", path);
  return folder;
}

absl::StatusOr<std::optional<FolderTable::Id>> FolderTable::Make(const Place& place) {
  return Make(place.folder, place.name);
}

absl::StatusOr<std::optional<FolderTable::Id>> FolderTable::Make(Id parent, const std::string& name) {
  ASSIGN_OR_RETURN(const int fd, Descriptor(parent));
  if (mkdirat(fd, name.c_str(), S_IRWXU) != 0) {
    if (errno == EEXIST) return std::nullopt;
    return ErrnoError("cannot make a folder in", "/" + PathOf(parent));
  }
  const Id id = static_cast<Id>(folders_.size());
  folders_.push_back({.parent = parent, .next_sibling = folders_[parent].first_child, .name = name});
  folders_[parent].first_child = id;
  by_name_.emplace(Key(parent, folders_[id].name), id);
  return id;
}

void FolderTable::Forget(const Place& place) {
  const std::optional<Id> top = Find(place);
  if (!top) return;
  for (Id* link = &folders_[place.folder].first_child; *link != kNone; link = &folders_[*link].next_sibling) {
    if (*link != *top) continue;
    *link = folders_[*top].next_sibling;
    break;
  }
  std::vector<Id> gone = {*top};
  while (!gone.empty()) {
    const Id id = gone.back();
    gone.pop_back();
    Folder& folder = folders_[id];
    for (Id child = folder.first_child; child != kNone; child = folders_[child].next_sibling) gone.push_back(child);
    by_name_.erase(Key(folder.parent, folder.name));
    if (const auto open = open_by_id_.find(id); open != open_by_id_.end()) {
      open_.erase(open->second);
      open_by_id_.erase(open);
    }
    folder.first_child = kNone;
    folder.name = std::string();
  }
}

absl::StatusOr<int> FolderTable::Descriptor(Id folder) {
  if (folder == kRoot) return root_.get();
  // Up to what is open, then down again.
  std::vector<Id> way;
  Id id = folder;
  int fd = root_.get();
  for (; id != kRoot; id = folders_[id].parent) {
    if (const auto open = open_by_id_.find(id); open != open_by_id_.end()) {
      open_.splice(open_.begin(), open_, open->second);
      fd = open->second->fd.get();
      break;
    }
    way.push_back(id);
  }
  if (way.empty()) return fd;
  UniqueFd opened;
  for (; !way.empty(); way.pop_back()) {
    UniqueFd next(openat(fd, folders_[way.back()].name.c_str(), kOpenFlags));
    if (!next) return ErrnoError("cannot open the folder", PathOf(way.back()));
    opened = std::move(next);
    fd = opened.get();
  }
  if (open_.size() == kOpenFolders) {
    open_by_id_.erase(open_.back().id);
    open_.pop_back();
  }
  open_.push_front({folder, std::move(opened)});
  open_by_id_[folder] = open_.begin();
  return fd;
}

void FolderTable::SetTimes(Id folder, Timestamp mtime, std::optional<Timestamp> atime) {
  folders_[folder].mtime = mtime;
  folders_[folder].atime = atime.value_or(mtime);
}

absl::Status FolderTable::ApplyTimes() {
  // Parents have lower numbers than their children, so that the descriptors needed are mostly those of just before.
  for (Id id = kRoot; id < folders_.size(); ++id) {
    if (id != kRoot && folders_[id].name.empty()) continue;
    RETURN_IF_ERROR(SetTimesOf(id));
  }
  return absl::OkStatus();
}

absl::Status FolderTable::SetTimesOf(Id folder) {
  const Folder& known = folders_[folder];
  const timespec times[2] = {TimespecOf(known.atime), TimespecOf(known.mtime)};
  if (folder == kRoot) {
    return futimens(root_.get(), times) == 0 ? absl::OkStatus() : ErrnoError("cannot set the times of", "/");
  }
  ASSIGN_OR_RETURN(const int parent, Descriptor(known.parent));
  if (utimensat(parent, known.name.c_str(), times, AT_SYMLINK_NOFOLLOW) == 0) return absl::OkStatus();
  return ErrnoError("cannot set the times of", PathOf(folder));
}

std::string FolderTable::PathOf(Id folder) const {
  std::vector<Id> way;
  for (; folder != kRoot; folder = folders_[folder].parent) way.push_back(folder);
  std::string path;
  for (; !way.empty(); way.pop_back()) {
    if (!path.empty()) path += '/';
    path += folders_[way.back()].name;
  }
  return path;
}

}  // namespace wslm
