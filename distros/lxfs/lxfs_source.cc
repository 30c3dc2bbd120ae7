#include <dirent.h>
#include <fcntl.h>
#include <linux/limits.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "distros/host/error.h"
#include "distros/host/status_macros.h"
#include "distros/host/unique_fd.h"
#include "distros/lxfs/attributes.h"
#include "distros/lxfs/lxfs.h"
#include "distros/lxfs/side_store.h"
#include "distros/lxfs/sparse_reader.h"
#include "distros/lxfs/timestamps.h"
#include "distros/lxfs/tree_walk.h"
#include "distros/lxfs/xattr_names.h"

namespace wslm {
namespace {

constexpr char kRootName[] = "rootfs";
constexpr size_t kMaximumWarnings = 100;
constexpr int64_t kBytesPerSector = 512;
// What an entry without content counts in progress.
constexpr int64_t kEntryCost = 512;
// How long to look ahead for the total; what takes longer is not worth the wait.
constexpr std::chrono::milliseconds kEstimateTime{500};

int64_t CostOf(const struct stat& st) {
  if (!S_ISREG(st.st_mode)) return kEntryCost;
  const int64_t content = std::min<int64_t>(st.st_size, st.st_blocks * kBytesPerSector);
  return kEntryCost + content / std::max<int64_t>(1, st.st_nlink);
}

UniqueFd OpenFile(int folder, const char* name) {
  // Should a fifo have come in its place, it must not block us.
  constexpr int kFlags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
  UniqueFd fd(openat(folder, name, kFlags | O_NOATIME));
  if (!fd && errno == EPERM) fd.Reset(openat(folder, name, kFlags));
  return fd;
}

UniqueFd OpenRoot(int folder) {
  return UniqueFd(openat(folder, kRootName, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
}

// The whole cost of a tree; 0 when it can't be told in time.
int64_t EstimateTotal(int folder) {
  const auto deadline = std::chrono::steady_clock::now() + kEstimateTime;
  TreeWalk walk(OpenRoot(folder));
  TreeWalk::Item item;
  int64_t total = 0;
  while (true) {
    const absl::StatusOr<bool> more = walk.Next(item);
    if (!more.ok() || std::chrono::steady_clock::now() > deadline) return 0;
    if (!*more) return total;
    struct stat st;
    if (item.type != DT_REG || fstatat(item.folder, item.name, &st, AT_SYMLINK_NOFOLLOW) != 0) {
      total += kEntryCost;
    } else {
      total += CostOf(st);
    }
  }
}

class LxfsSource : public Source {
 public:
  LxfsSource(UniqueFd root, std::unique_ptr<SideStore> store, SecondOwner second_owner, int64_t total)
      : walk_(std::move(root)), store_(std::move(store)), second_owner_(second_owner), total_(total) {}

  absl::StatusOr<bool> Next(Entry& entry) override;
  absl::StatusOr<std::optional<DataBlock>> Read() override;
  int64_t position() const override { return done_ + std::min(file_ ? file_->bytes_read() : 0, present_cost_); }
  int64_t total() const override { return total_; }
  std::vector<std::string> warnings() const override { return warnings_; }

 private:
  struct LinkKey {
    dev_t device;
    ino_t inode;
    friend bool operator==(const LinkKey&, const LinkKey&) = default;
    template <typename H>
    friend H AbslHashValue(H state, const LinkKey& key) {
      return H::combine(std::move(state), key.device, key.inode);
    }
  };
  struct LinkGroup {
    std::string first_path;
    nlink_t names_left;
  };

  // False: it is gone, or is something else now.
  absl::StatusOr<bool> Fill(const TreeWalk::Item& item, Entry& entry);
  absl::StatusOr<bool> Stat(const TreeWalk::Item& item, int fd, Entry& entry, struct stat& host);
  // Whether it is another name of what was given out.
  bool IsKnown(const struct stat& host, Entry& entry);
  absl::Status FillXattrs(int fd, Entry& entry);
  absl::StatusOr<std::optional<GuestAttributes>> RecordOf(const TreeWalk::Item& item, int fd, const Entry& entry);
  absl::Status FillTarget(const TreeWalk::Item& item, Entry& entry);
  void Warn(std::string sentence);

  TreeWalk walk_;
  std::unique_ptr<SideStore> store_;
  const SecondOwner second_owner_;
  const int64_t total_;
  int64_t done_ = 0;
  int64_t present_cost_ = 0;
  std::vector<char> buffer_;
  std::optional<SparseReader> file_;
  absl::flat_hash_map<LinkKey, LinkGroup> links_;
  std::string xattr_names_;
  std::vector<std::string> warnings_;
};

void LxfsSource::Warn(std::string sentence) {
  if (warnings_.size() < kMaximumWarnings) warnings_.push_back(std::move(sentence));
}

absl::StatusOr<bool> LxfsSource::Next(Entry& entry) {
  file_.reset();
  done_ += std::exchange(present_cost_, 0);
  TreeWalk::Item item;
  while (true) {
    ASSIGN_OR_RETURN(const bool more, walk_.Next(item));
    if (!more) return false;
    entry = Entry();
    entry.path = std::move(item.path);
    ASSIGN_OR_RETURN(const bool filled, Fill(item, entry));
    if (filled) return true;
    Warn(Escaped(entry.path) + " was changed from outside while it was read, and is left out.");
  }
}

absl::StatusOr<bool> LxfsSource::Fill(const TreeWalk::Item& item, Entry& entry) {
  UniqueFd file;
  if (item.type == DT_REG) {
    file = OpenFile(item.folder, item.name);
    if (!file) {
      if (errno == ENOENT || errno == ELOOP || errno == ENXIO) return false;
      if (errno == EACCES) {
        return Error(absl::StatusCode::kPermissionDenied, reason::kPermissionDenied,
                     "The file " + Escaped(entry.path) +
                         " of the distro can't be read by its owner. Give the right back "
                         "with 'chmod u+r'.",
                     {{"path", entry.path}});
      }
      return ErrnoError("cannot open", entry.path);
    }
  }
  const int fd = item.type == DT_DIR ? item.directory : file.get();
  struct stat host = {};
  ASSIGN_OR_RETURN(const bool present, Stat(item, fd, entry, host));
  if (!present) return false;
  present_cost_ = CostOf(host);
  if (IsKnown(host, entry)) return true;
  std::optional<GuestAttributes> record;
  if (LxfsMayHaveRecord(host)) {
    ASSIGN_OR_RETURN(record, RecordOf(item, fd, entry));
  }
  const GuestAttributes guest = LxfsGuestView(host, record, second_owner_);
  if (fd >= 0) RETURN_IF_ERROR(FillXattrs(fd, entry));
  if (store_->HasXattrs()) {
    // What the file itself has counts first.
    if (const auto key = fd >= 0 ? store_->KeyOf(fd) : store_->KeyOf(item.folder, item.name)) {
      entry.xattrs.merge(store_->Xattrs(*key));
    }
  }
  entry.mode = static_cast<uint16_t>(guest.mode & 07777);
  entry.uid = guest.uid;
  entry.gid = guest.gid;
  switch (guest.mode & S_IFMT) {
    case S_IFREG:
      entry.type = FileType::kRegular;
      entry.size = host.st_size;
      file_.emplace(std::move(file), host, entry.path, &buffer_);
      if (file_->has_holes()) {
        ASSIGN_OR_RETURN(entry.extents, file_->FindExtents());
      }
      break;
    case S_IFDIR:
      entry.type = FileType::kDirectory;
      break;
    case S_IFLNK:
      entry.type = FileType::kSymlink;
      RETURN_IF_ERROR(FillTarget(item, entry));
      break;
    case S_IFIFO:
      entry.type = FileType::kFifo;
      break;
    case S_IFSOCK:
      entry.type = FileType::kSocket;
      break;
    case S_IFCHR:
    case S_IFBLK:
      entry.type = S_ISCHR(guest.mode) ? FileType::kCharDevice : FileType::kBlockDevice;
      entry.rdev_major = major(guest.rdev);
      entry.rdev_minor = minor(guest.rdev);
      break;
  }
  if (item.is_mount) {
    Warn("Something is mounted on " + Escaped(entry.path) + " on the host; what it holds is left out.");
  }
  return true;
}

absl::StatusOr<bool> LxfsSource::Stat(const TreeWalk::Item& item, int fd, Entry& entry, struct stat& host) {
  struct statx found;
  constexpr unsigned kWanted = STATX_BASIC_STATS | STATX_BTIME;
  const int result = fd >= 0 ? statx(fd, "", AT_EMPTY_PATH, kWanted, &found)
                             : statx(item.folder, item.name, AT_SYMLINK_NOFOLLOW, kWanted, &found);
  if (result != 0) {
    if (errno == ENOENT) return false;
    return ErrnoError("cannot look at", entry.path);
  }
  host.st_dev = makedev(found.stx_dev_major, found.stx_dev_minor);
  host.st_ino = found.stx_ino;
  host.st_mode = found.stx_mode;
  host.st_nlink = found.stx_nlink;
  host.st_size = static_cast<off_t>(found.stx_size);
  host.st_blocks = static_cast<blkcnt_t>(found.stx_blocks);
  entry.mtime = TimestampOf(found.stx_mtime);
  entry.atime = TimestampOf(found.stx_atime);
  entry.ctime = TimestampOf(found.stx_ctime);
  if ((found.stx_mask & STATX_BTIME) != 0) entry.birth = TimestampOf(found.stx_btime);
  return IFTODT(host.st_mode) == item.type;
}

bool LxfsSource::IsKnown(const struct stat& host, Entry& entry) {
  if (S_ISDIR(host.st_mode) || host.st_nlink < 2) return false;
  const LinkKey key{.device = host.st_dev, .inode = host.st_ino};
  const auto group = links_.find(key);
  if (group == links_.end()) {
    links_.emplace(key, LinkGroup{.first_path = entry.path, .names_left = host.st_nlink - 1});
    return false;
  }
  entry.hard_link_to = group->second.first_path;
  entry.type = S_ISREG(host.st_mode) ? FileType::kRegular : entry.type;
  if (--group->second.names_left == 0) links_.erase(group);
  return true;
}

absl::StatusOr<std::optional<GuestAttributes>> LxfsSource::RecordOf(const TreeWalk::Item& item, int fd,
                                                                    const Entry& entry) {
  std::optional<SideKey> key;
  if (fd >= 0) {
    std::array<char, 64> buffer;
    const ssize_t length = fgetxattr(fd, kLxfsXattr, buffer.data(), buffer.size());
    if (length >= 0) return DecodeLxfsRecord({buffer.data(), static_cast<size_t>(length)});
    if (errno == ENODATA || errno == ERANGE) return std::nullopt;
    if (errno != EOPNOTSUPP) return ErrnoError("cannot read the owner of", entry.path);
    key = store_->KeyOf(fd);
  } else {
    key = store_->KeyOf(item.folder, item.name);
  }
  return key ? store_->Get(*key) : std::nullopt;
}

absl::Status LxfsSource::FillXattrs(int fd, Entry& entry) {
  xattr_names_.resize(XATTR_LIST_MAX);
  const ssize_t length = flistxattr(fd, xattr_names_.data(), xattr_names_.size());
  if (length < 0 && errno == EOPNOTSUPP) return absl::OkStatus();
  if (length < 0) return ErrnoError("cannot list the attributes of", entry.path);
  std::string_view rest(xattr_names_.data(), static_cast<size_t>(length));
  std::string value;
  while (!rest.empty()) {
    const std::string_view name = rest.data();
    rest.remove_prefix(name.size() + 1);
    const std::optional<std::string> guest_name = LxfsGuestXattrName(name);
    if (!guest_name) continue;
    value.resize(XATTR_SIZE_MAX);
    const ssize_t size = fgetxattr(fd, name.data(), value.data(), value.size());
    if (size < 0 && errno == ENODATA) continue;
    if (size < 0) return ErrnoError("cannot read an attribute of", entry.path);
    entry.xattrs.emplace(*guest_name, value.substr(0, static_cast<size_t>(size)));
  }
  return absl::OkStatus();
}

absl::Status LxfsSource::FillTarget(const TreeWalk::Item& item, Entry& entry) {
  std::array<char, PATH_MAX> buffer;
  const ssize_t length = readlinkat(item.folder, item.name, buffer.data(), buffer.size());
  if (length < 0) return ErrnoError("cannot read the link", entry.path);
  entry.symlink_target.assign(buffer.data(), static_cast<size_t>(length));
  return absl::OkStatus();
}

absl::StatusOr<std::optional<DataBlock>> LxfsSource::Read() {
  if (!file_) return std::nullopt;
  return file_->Read();
}

}  // namespace

absl::StatusOr<std::unique_ptr<Source>> OpenLxfsSource(const std::string& folder, SecondOwner second_owner) {
  UniqueFd folder_fd(open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!folder_fd) return ErrnoError("cannot open", folder);
  UniqueFd root = OpenRoot(folder_fd.get());
  if (!root) {
    if (errno != ENOENT && errno != ENOTDIR && errno != ELOOP)
      return ErrnoError("cannot open the distro's files in", folder);
    return Error(absl::StatusCode::kFailedPrecondition, reason::kDistroBroken,
                 "The distro's files are not there: " + Escaped(folder) + " has no folder " + kRootName + ".",
                 {{"path", folder}});
  }
  ASSIGN_OR_RETURN(std::unique_ptr<SideStore> store, SideStore::Open(folder, /*read_only=*/true));
  const int64_t total = EstimateTotal(folder_fd.get());
  return std::make_unique<LxfsSource>(std::move(root), std::move(store), second_owner, total);
}

}  // namespace wslm
