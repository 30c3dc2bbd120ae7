#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "distros/host/error.h"
#include "distros/host/failpoint.h"
#include "distros/host/remove_tree.h"
#include "distros/host/status_macros.h"
#include "distros/host/unique_fd.h"
#include "distros/lxfs/attribute_writer.h"
#include "distros/lxfs/folder_table.h"
#include "distros/lxfs/host_probe.h"
#include "distros/lxfs/lxfs.h"
#include "distros/lxfs/side_store.h"
#include "distros/lxfs/timestamps.h"
#include "distros/lxfs/write_behind.h"

namespace wslm {
namespace {

constexpr char kRootName[] = "rootfs";
constexpr char kMetadataName[] = "metadata.db";

absl::Status Corrupt(const std::string& path, const std::string& why) {
  return Error(absl::StatusCode::kInvalidArgument, reason::kCorruptSource,
               "The entry " + Escaped(path) + " can't be: " + why + ".", {{"path", path}});
}

struct Times {
  explicit Times(const Entry& entry)
      : values{entry.atime ? TimespecOf(*entry.atime) : timespec{.tv_nsec = UTIME_OMIT}, TimespecOf(entry.mtime)} {}
  timespec values[2];
};

class LxfsSink : public Sink {
 public:
  LxfsSink(UniqueFd root, std::unique_ptr<SideStore> store, SecondOwner second_owner, const HostAbilities& host)
      : host_(host),
        sync_fd_(fcntl(root.get(), F_DUPFD_CLOEXEC, 0)),
        attributes_(std::move(store), second_owner, root.get()),
        folders_(std::move(root)) {}

  absl::Status Begin(const Entry& entry) override;
  absl::Status Write(const DataBlock& block) override;
  absl::Status End() override;
  absl::Status Commit() override;
  std::vector<std::string> losses() const override { return attributes_.losses(); }

 private:
  using Place = FolderTable::Place;
  // The regular file between Begin and End.
  struct OpenFile {
    UniqueFd fd;
    Entry entry;
    // How far its content reaches by now.
    int64_t end = 0;
    WriteBehind behind;
  };

  absl::Status MakeFolder(const Place& place, const Entry& entry);
  absl::Status MakeFile(const Place& place, const Entry& entry);
  absl::Status MakeOther(const Place& place, const Entry& entry);
  absl::StatusOr<int> MakeNode(int folder, const char* name, const Entry& entry);
  // False: the target isn't there.
  absl::StatusOr<bool> Link(const Place& place, const std::string& path, const std::string& target);
  absl::Status LinkDeferred();
  absl::Status LinkNow(const std::string& path, const std::string& target);
  // Makes room for an entry that takes the place of one that came before.
  absl::Status RemoveAt(const Place& place, const std::string& path);
  void CheckTime(const Entry& entry);

  const HostAbilities host_;
  const UniqueFd sync_fd_;
  bool said_nanoseconds_ = false;
  AttributeWriter attributes_;
  FolderTable folders_;
  std::optional<OpenFile> file_;
  // Hard links whose targets had not come, by their own path.
  std::map<std::string, std::string> deferred_links_;
};

absl::Status LxfsSink::Begin(const Entry& entry) {
  if (entry.path.empty()) {
    if (entry.type != FileType::kDirectory || entry.is_hard_link()) return Corrupt("/", "the root is no folder");
    ASSIGN_OR_RETURN(const int root, folders_.Descriptor(FolderTable::kRoot));
    CheckTime(entry);
    folders_.SetTimes(FolderTable::kRoot, entry.mtime, entry.atime);
    return attributes_.ApplyTo(root, entry, /*is_new=*/false);
  }
  if (!deferred_links_.empty()) deferred_links_.erase(entry.path);
  ASSIGN_OR_RETURN(const std::optional<Place> place, folders_.Resolve(entry.path, /*make_parents=*/true));
  if (entry.is_hard_link()) {
    ASSIGN_OR_RETURN(const bool linked, Link(*place, entry.path, entry.hard_link_to));
    if (!linked) deferred_links_[entry.path] = entry.hard_link_to;
    return absl::OkStatus();
  }
  CheckTime(entry);
  switch (entry.type) {
    case FileType::kDirectory:
      return MakeFolder(*place, entry);
    case FileType::kRegular:
      return MakeFile(*place, entry);
    default:
      return MakeOther(*place, entry);
  }
}

absl::Status LxfsSink::MakeFolder(const Place& place, const Entry& entry) {
  std::optional<FolderTable::Id> folder = folders_.Find(place);
  const bool is_new = !folder.has_value();
  if (is_new) {
    ASSIGN_OR_RETURN(folder, folders_.Make(place));
    if (!folder) {
      RETURN_IF_ERROR(RemoveAt(place, entry.path));
      ASSIGN_OR_RETURN(folder, folders_.Make(place));
      if (!folder) return ErrnoError("cannot replace", entry.path, EEXIST);
    }
  }
  folders_.SetTimes(*folder, entry.mtime, entry.atime);
  ASSIGN_OR_RETURN(const int fd, folders_.Descriptor(*folder));
  return attributes_.ApplyTo(fd, entry, is_new);
}

absl::Status LxfsSink::MakeFile(const Place& place, const Entry& entry) {
  ASSIGN_OR_RETURN(int folder, folders_.Descriptor(place.folder));
  constexpr int kFlags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
  UniqueFd fd(openat(folder, place.name.c_str(), kFlags, S_IRUSR | S_IWUSR));
  if (!fd && errno == EEXIST) {
    RETURN_IF_ERROR(RemoveAt(place, entry.path));
    ASSIGN_OR_RETURN(folder, folders_.Descriptor(place.folder));
    fd.Reset(openat(folder, place.name.c_str(), kFlags, S_IRUSR | S_IWUSR));
  }
  if (!fd) return ErrnoError("cannot make", entry.path);
  file_.emplace(OpenFile{.fd = std::move(fd), .entry = entry});
  return absl::OkStatus();
}

absl::Status LxfsSink::MakeOther(const Place& place, const Entry& entry) {
  if (entry.type == FileType::kSymlink && entry.symlink_target.empty()) return Corrupt(entry.path, "a link to nothing");
  if (entry.symlink_target.find('\0') != std::string::npos) return Corrupt(entry.path, "its target has a NUL byte");
  const char* name = place.name.c_str();
  ASSIGN_OR_RETURN(int folder, folders_.Descriptor(place.folder));
  ASSIGN_OR_RETURN(int error, MakeNode(folder, name, entry));
  if (error == EEXIST) {
    RETURN_IF_ERROR(RemoveAt(place, entry.path));
    ASSIGN_OR_RETURN(folder, folders_.Descriptor(place.folder));
    ASSIGN_OR_RETURN(error, MakeNode(folder, name, entry));
  }
  if (error != 0) return ErrnoError("cannot make", entry.path, error);
  RETURN_IF_ERROR(attributes_.ApplyTo(folder, name, entry));
  if (utimensat(folder, name, Times(entry).values, AT_SYMLINK_NOFOLLOW) != 0) {
    return ErrnoError("cannot set the times of", entry.path);
  }
  return absl::OkStatus();
}

// 0 or errno.
absl::StatusOr<int> LxfsSink::MakeNode(int folder, const char* name, const Entry& entry) {
  int result = -1;
  switch (entry.type) {
    case FileType::kSymlink:
      result = symlinkat(entry.symlink_target.c_str(), folder, name);
      break;
    case FileType::kFifo:
      result = mkfifoat(folder, name, S_IRUSR | S_IWUSR);
      break;
    case FileType::kSocket:
    case FileType::kCharDevice:
    case FileType::kBlockDevice:
      // Devices, too, also when root does this: lxcore, not the host's kernel, gives them a meaning.
      result = mknodat(folder, name, S_IFSOCK | S_IRUSR | S_IWUSR, 0);
      break;
    default:
      return Corrupt(entry.path, "its type is unknown");
  }
  return result == 0 ? 0 : errno;
}

absl::StatusOr<bool> LxfsSink::Link(const Place& place, const std::string& path, const std::string& target) {
  absl::StatusOr<std::optional<Place>> resolved = folders_.Resolve(target, /*make_parents=*/false);
  if (!resolved.ok()) {
    // A parent that is a file by now may be a folder later.
    if (ReasonOf(resolved.status()) == reason::kCorruptSource) return false;
    return std::move(resolved).status();
  }
  if (!*resolved) return false;
  const Place& from = **resolved;
  ASSIGN_OR_RETURN(const int from_folder, folders_.Descriptor(from.folder));
  ASSIGN_OR_RETURN(const int folder, folders_.Descriptor(place.folder));
  struct stat old_target;
  if (fstatat(from_folder, from.name.c_str(), &old_target, AT_SYMLINK_NOFOLLOW) != 0) {
    if (errno == ENOENT) return false;
    return ErrnoError("cannot look at", target);
  }
  if (S_ISDIR(old_target.st_mode)) return Corrupt(path, "a hard link to a folder");
  struct stat present;
  if (fstatat(folder, place.name.c_str(), &present, AT_SYMLINK_NOFOLLOW) == 0) {
    if (present.st_dev == old_target.st_dev && present.st_ino == old_target.st_ino) return true;
    RETURN_IF_ERROR(RemoveAt(place, path));
    // The target may have been in what went.
    return Link(place, path, target);
  }
  if (linkat(from_folder, from.name.c_str(), folder, place.name.c_str(), 0) == 0) return true;
  if (errno == ENOENT) return false;
  return ErrnoError("cannot make the hard link", path);
}

absl::Status LxfsSink::RemoveAt(const Place& place, const std::string& path) {
  ASSIGN_OR_RETURN(const int folder, folders_.Descriptor(place.folder));
  attributes_.Forget(folder, place.name.c_str());
  folders_.Forget(place);
  return WithContext(RemoveTreeAt(folder, place.name), "cannot replace " + Escaped(path));
}

void LxfsSink::CheckTime(const Entry& entry) {
  if (!host_.Keeps(entry.mtime)) {
    attributes_.NoteLoss(entry.path, "its time of change may be too far away for the host's disk");
  }
  if (host_.nanoseconds || entry.mtime.nanoseconds == 0 || said_nanoseconds_) return;
  said_nanoseconds_ = true;
  attributes_.NoteLoss(entry.path, "the host's disk keeps its time of change less exactly, and all others'");
}

absl::Status LxfsSink::Write(const DataBlock& block) {
  if (!file_) return Error(absl::StatusCode::kInternal, reason::kInternal, "Content came for what is no file.");
  const auto length = static_cast<int64_t>(block.bytes.size());
  if (block.offset < file_->end || length > file_->entry.size || block.offset > file_->entry.size - length) {
    return Corrupt(file_->entry.path, "its content is not where its size says");
  }
  const int64_t end = block.offset + length;
  const char* bytes = block.bytes.data();
  for (int64_t offset = block.offset; offset < end;) {
    const ssize_t written = pwrite(file_->fd.get(), bytes, static_cast<size_t>(end - offset), offset);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return ErrnoError("cannot write", file_->entry.path);
    offset += written;
    bytes += written;
  }
  file_->end = end;
  file_->behind.Wrote(file_->fd.get(), block.offset, end);
  return absl::OkStatus();
}

absl::Status LxfsSink::End() {
  if (!file_) return absl::OkStatus();
  const OpenFile file = *std::exchange(file_, std::nullopt);
  const std::string& path = file.entry.path;
  if (file.end < file.entry.size && ftruncate(file.fd.get(), file.entry.size) != 0) {
    return ErrnoError("cannot set the size of", path);
  }
  RETURN_IF_ERROR(attributes_.ApplyTo(file.fd.get(), file.entry, /*is_new=*/true));
  if (futimens(file.fd.get(), Times(file.entry).values) != 0) return ErrnoError("cannot set the times of", path);
  return absl::OkStatus();
}

absl::Status LxfsSink::LinkNow(const std::string& path, const std::string& target) {
  ASSIGN_OR_RETURN(const std::optional<Place> place, folders_.Resolve(path, /*make_parents=*/true));
  ASSIGN_OR_RETURN(const bool linked, Link(*place, path, target));
  return linked ? absl::OkStatus() : Corrupt(path, "the target of the hard link, " + Escaped(target) + ", never came");
}

// A target may be a deferred link itself, which is then made first.
absl::Status LxfsSink::LinkDeferred() {
  while (!deferred_links_.empty()) {
    std::vector<std::string> chain = {deferred_links_.begin()->first};
    while (!chain.empty()) {
      const auto link = deferred_links_.find(chain.back());
      if (deferred_links_.contains(link->second)) {
        // More links than there are: some came twice.
        if (chain.size() > deferred_links_.size()) return Corrupt(chain.front(), "its hard links lead in a circle");
        chain.push_back(link->second);
        continue;
      }
      RETURN_IF_ERROR(LinkNow(link->first, link->second));
      deferred_links_.erase(link);
      chain.pop_back();
    }
  }
  return absl::OkStatus();
}

absl::Status LxfsSink::Commit() {
  RETURN_IF_ERROR(Failpoint("lxfs.commit"));
  RETURN_IF_ERROR(LinkDeferred());
  RETURN_IF_ERROR(folders_.ApplyTimes());
  RETURN_IF_ERROR(attributes_.Finish());
  RETURN_IF_ERROR(Failpoint("lxfs.sync"));
  if (syncfs(sync_fd_.get()) != 0) return ErrnoError("cannot write to the disk:", kRootName);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<Sink>> CreateLxfsSink(const std::string& folder, SecondOwner second_owner) {
  UniqueFd folder_fd(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder_fd) return ErrnoError("cannot open", folder);
  RETURN_IF_ERROR(Failpoint("lxfs.create"));
  const auto is_there = [&](const char* name) {
    return faccessat(folder_fd.get(), name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
  };
  if (is_there(kMetadataName) || is_there(kRootName)) {
    return Error(absl::StatusCode::kAlreadyExists, reason::kFileExists,
                 Escaped(folder) + " holds a distro already; choose an empty folder.", {{"path", folder}});
  }
  ASSIGN_OR_RETURN(const HostAbilities host, ProbeHost(folder_fd.get(), folder));
  if (mkdirat(folder_fd.get(), kRootName, S_IRWXU) != 0) {
    return ErrnoError("cannot make " + std::string(kRootName) + " in", folder);
  }
  UniqueFd root(openat(folder_fd.get(), kRootName, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!root) return ErrnoError("cannot open " + std::string(kRootName) + " in", folder);
  // Nobody else comes to the files, whatever their modes say: these are the guest's.
  if (fchmod(folder_fd.get(), S_IRWXU) != 0 || fchmod(root.get(), 0755) != 0) {
    return ErrnoError("cannot set the mode of", folder);
  }
  ASSIGN_OR_RETURN(std::unique_ptr<SideStore> store, SideStore::Open(folder, /*read_only=*/false));
  return std::make_unique<LxfsSink>(std::move(root), std::move(store), second_owner, host);
}

}  // namespace wslm
