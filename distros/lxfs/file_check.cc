#include "distros/lxfs/file_check.h"

#include <fcntl.h>
#include <linux/limits.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "distros/host/error.h"
#include "distros/host/status_macros.h"
#include "distros/lxfs/xattr_names.h"

namespace wslm {
namespace {

constexpr unsigned kSetId = S_ISUID | S_ISGID;
constexpr char kHostCapability[] = "security.capability";
// What a device is called until its record is on the disk.
constexpr char kNewName[] = ".wslm-check-new";

mode_t OwnerNeeds(mode_t mode) { return S_ISDIR(mode) ? S_IRWXU : S_IRUSR; }

struct stat StatOf(const struct statx& found) {
  struct stat host = {};
  host.st_mode = found.stx_mode;
  host.st_uid = found.stx_uid;
  host.st_gid = found.stx_gid;
  host.st_ino = found.stx_ino;
  host.st_nlink = found.stx_nlink;
  return host;
}

absl::Status Failed(const char* doing) { return ErrnoError(doing, "the file"); }

// Whether a record was written by a version that knows more than this one.
bool IsNewer(const std::string& record) {
  if (record.size() < 4) return false;
  uint32_t version = 0;
  for (int i = 3; i >= 0; --i) version = version << 8 | static_cast<uint8_t>(record[static_cast<size_t>(i)]);
  // More is no version but some other bytes.
  return version > 1 && version < 1000;
}

}  // namespace

void FileCheck::Tell(const File& file, LxfsFindingKind kind, const std::string& what, const absl::Status& status,
                     const std::string& done) {
  if (settings_.repair) {
    findings_.Add(file.item.path, kind, what, status, done);
  } else {
    findings_.Add(file.item.path, kind, what);
  }
}

absl::Status FileCheck::Look(const TreeWalk::Item& item) {
  File file{.item = item};
  const std::optional<mode_t> opened_up = std::exchange(opened_up_, std::nullopt);
  constexpr unsigned kWanted = STATX_BASIC_STATS | STATX_BTIME;
  const int result = item.directory >= 0 ? statx(item.directory, "", AT_EMPTY_PATH, kWanted, &file.found)
                                         : statx(item.folder, item.name, AT_SYMLINK_NOFOLLOW, kWanted, &file.found);
  if (result != 0) {
    if (errno == ENOENT) return absl::OkStatus();
    if (errno != EACCES) return ErrnoError("cannot look at", Escaped(item.path));
    // In a folder that may be listed, but not entered: it was told of.
    findings_.report().complete = false;
    return absl::OkStatus();
  }
  ++findings_.report().totals.entries;
  if (item.is_mount) {
    findings_.Add(
        item.path, LxfsFindingKind::kMount,
        "Something of the host's is mounted here, and was not looked at. The distro doesn't have it when it is "
        "exported.");
    return absl::OkStatus();
  }
  file.host = StatOf(file.found);
  if (opened_up && item.directory >= 0) file.host.st_mode = *opened_up;
  if (IsKnown(file)) return absl::OkStatus();
  LookAtOwner(file);
  return S_ISREG(file.host.st_mode) || S_ISDIR(file.host.st_mode) ? LookAtPlain(file) : LookAtOther(file);
}

// Whether it is another name of what was looked at.
bool FileCheck::IsKnown(const File& file) {
  if (S_ISDIR(file.host.st_mode) || file.host.st_nlink < 2) return false;
  const std::pair key(makedev(file.found.stx_dev_major, file.found.stx_dev_minor), file.found.stx_ino);
  const auto [group, is_new] =
      links_.try_emplace(key, LinkGroup{.first_path = file.item.path, .names_left = file.found.stx_nlink});
  if (--group->second.names_left == 0) links_.erase(group);
  return !is_new;
}

void FileCheck::Finish() {
  if (!findings_.report().complete) return;
  for (const auto& [key, group] : links_) {
    findings_.Add(
        group.first_path, LxfsFindingKind::kLinkOutside,
        absl::StrCat("The file has ", group.names_left,
                     " more names, outside of the distro: what changes here changes there. A backup made of hard "
                     "links does that; 'cp' the file over itself to part them."));
  }
}

void FileCheck::LookAtOwner(File& file) {
  if (file.host.st_uid == settings_.user) return;
  absl::Status status;
  if (settings_.repair && fchownat(file.item.folder, file.item.name, settings_.user, static_cast<gid_t>(-1),
                                   AT_SYMLINK_NOFOLLOW | (file.item.folder < 0 ? AT_EMPTY_PATH : 0)) != 0) {
    status = ErrnoError("cannot change the owner; do it with 'sudo chown':", "the file");
  }
  Tell(file, LxfsFindingKind::kForeignOwner,
       absl::StrFormat("The host file belongs to user %d instead of %d, who may not change it.", file.host.st_uid,
                       settings_.user),
       status, "It was given to the distro's user.");
}

std::optional<SideKey> FileCheck::KeyOf(const File& file) const {
  return file.fd >= 0 ? keys_.KeyOf(file.fd) : keys_.KeyOf(file.item.folder, file.item.name);
}

// Null when it may not be read, which was then told.
absl::StatusOr<UniqueFd> FileCheck::Open(File& file) {
  constexpr int kFlags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
  const auto open = [&] {
    UniqueFd fd(openat(file.item.folder, file.item.name, kFlags | O_NOATIME));
    if (!fd && errno == EPERM) fd.Reset(openat(file.item.folder, file.item.name, kFlags));
    return fd;
  };
  UniqueFd fd = open();
  if (!fd && errno == EACCES && settings_.repair &&
      fchmodat(file.item.folder, file.item.name, (file.host.st_mode & 01777) | S_IRUSR, AT_SYMLINK_NOFOLLOW) == 0) {
    fd = open();
  }
  if (fd || errno == ENOENT || errno == ELOOP || errno == ENXIO) return fd;
  if (errno != EACCES && errno != EPERM) return ErrnoError("cannot open", Escaped(file.item.path));
  findings_.Add(file.item.path, LxfsFindingKind::kUnreadableFile,
                "The user may not read the file, so that a backup misses it. 'chmod u+r' gives the right back.");
  return fd;
}

absl::StatusOr<FileCheck::HostXattrs> FileCheck::XattrsOf(const File& file) {
  HostXattrs found;
  std::string names(XATTR_LIST_MAX, '\0');
  const ssize_t length = flistxattr(file.fd, names.data(), names.size());
  if (length < 0 && errno != EOPNOTSUPP) return ErrnoError("cannot list the attributes of", Escaped(file.item.path));
  found.supported = length >= 0;
  std::string_view rest(names.data(), static_cast<size_t>(std::max<ssize_t>(length, 0)));
  while (!rest.empty()) {
    const std::string name = rest.data();
    rest.remove_prefix(name.size() + 1);
    if (name == kHostCapability) found.has_capability = true;
    if (!name.starts_with(kLxfsXattr)) continue;
    if (name != kLxfsXattr) {
      if (!LxfsGuestXattrName(name)) found.misplaced.push_back(name);
      continue;
    }
    std::string value(XATTR_SIZE_MAX, '\0');
    const ssize_t size = fgetxattr(file.fd, kLxfsXattr, value.data(), value.size());
    if (size < 0 && errno == ENODATA) continue;
    if (size < 0) return ErrnoError("cannot read the record of", Escaped(file.item.path));
    value.resize(static_cast<size_t>(size));
    found.record = std::move(value);
  }
  if (!found.supported || length > 0) return found;
  // An empty list is also what a file system without any gives: ramfs.
  char byte;
  found.supported = fgetxattr(file.fd, kLxfsXattr, &byte, sizeof(byte)) >= 0 || errno != EOPNOTSUPP;
  return found;
}

// The record that counts. Others are told of, those in the file to be removed go to `remove`.
std::optional<GuestAttributes> FileCheck::RecordOf(const File& file, const HostXattrs& xattrs,
                                                   std::vector<std::string>& remove) {
  const bool may_have = LxfsMayHaveRecord(file.host);
  if (store_.Knows(file.host.st_ino)) {
    const std::optional<SideKey> key = KeyOf(file);
    const std::optional<GuestAttributes> record = key ? store_.Find(*key) : std::nullopt;
    if (record && !xattrs.supported && may_have && LxfsRecordFits(*record, file.host.st_mode)) return record;
    if (record) {
      store_.Remove(*key);
      const bool fits = LxfsRecordFits(*record, file.host.st_mode);
      Tell(file, fits ? LxfsFindingKind::kStaleRecord : LxfsFindingKind::kOddRecord,
           absl::StrCat("The side store has a record of ", Described(*record), " for it, which does not count."),
           absl::OkStatus(), "It was removed.");
    }
  }
  if (!xattrs.record) return std::nullopt;
  const std::optional<GuestAttributes> record = DecodeLxfsRecord(*xattrs.record);
  if (!record && IsNewer(*xattrs.record)) {
    findings_.Add(file.item.path, LxfsFindingKind::kUnreadableRecord,
                  "Its record of owner and mode was written by a newer wslm, and is left alone. Install that version.");
    return std::nullopt;
  }
  if (record && may_have && LxfsRecordFits(*record, file.host.st_mode)) {
    ++findings_.report().totals.records_in_files;
    return record;
  }
  remove.push_back(kLxfsXattr);
  return std::nullopt;
}

absl::Status FileCheck::LookAtPlain(File& file) {
  UniqueFd opened;
  file.fd = file.item.directory;
  if (file.fd < 0) {
    ASSIGN_OR_RETURN(opened, Open(file));
    if (!opened) return absl::OkStatus();
    file.fd = opened.get();
  }
  ASSIGN_OR_RETURN(HostXattrs xattrs, XattrsOf(file));
  std::vector<std::string> remove;
  const std::optional<GuestAttributes> record = RecordOf(file, xattrs, remove);
  const bool drops_record = !remove.empty();
  remove.insert(remove.end(), xattrs.misplaced.begin(), xattrs.misplaced.end());
  absl::Status removed;
  if (settings_.repair && !remove.empty()) removed = RemoveXattrs(file, remove);
  if (drops_record) {
    const std::optional<GuestAttributes> odd = DecodeLxfsRecord(*xattrs.record);
    const GuestAttributes view = LxfsGuestView(file.host, std::nullopt, settings_.second_owner);
    const std::string now = absl::StrCat(" It is ", Described(view), ".");
    if (!odd) {
      Tell(file, LxfsFindingKind::kUnreadableRecord,
           absl::StrCat("Its record of owner and mode can't be read (", xattrs.record->size(), " bytes).", now),
           removed, "The record was removed.");
    } else if (!LxfsRecordFits(*odd, file.host.st_mode)) {
      Tell(file, LxfsFindingKind::kOddRecord,
           absl::StrCat("Its record says that it is ", Described(*odd), ", which it can't be.", now), removed,
           "The record was removed.");
    } else {
      Tell(file, LxfsFindingKind::kStaleRecord,
           absl::StrCat("Its mode was changed from outside, so that its record (", Described(*odd), ") does not count.",
                        now),
           removed, "The record was removed.");
    }
  }
  for (const std::string& name : xattrs.misplaced) {
    Tell(file, LxfsFindingKind::kMisplacedXattr,
         absl::StrCat("It has an attribute ", Escaped(name), ", a name that wslm keeps for itself and does not use."),
         removed, "It was removed.");
  }
  if (xattrs.has_capability) {
    absl::Status status;
    if (settings_.repair && fremovexattr(file.fd, kHostCapability) != 0) {
      status = ErrnoError("cannot remove it; do it with 'sudo setcap -r':", "the file");
    }
    Tell(file, LxfsFindingKind::kHostPower,
         "The host file has a capability of the host's. Those of the guest are kept elsewhere.", status,
         "It was removed.");
  }
  return LookAtMode(file, xattrs, record);
}

// Whether the host's mode is one that lxfs gives, so that the user may read the file and nobody gains by it.
absl::Status FileCheck::LookAtMode(const File& file, const HostXattrs& xattrs,
                                   const std::optional<GuestAttributes>& record) {
  const mode_t mode = file.host.st_mode;
  const GuestAttributes guest = LxfsGuestView(file.host, record, settings_.second_owner);
  const bool unreadable = (mode & OwnerNeeds(mode)) != OwnerNeeds(mode);
  const bool set_id = (mode & kSetId) != 0;
  const LxfsHostForm form = LxfsHostFormOf(guest, settings_.second_owner);
  const bool differs = record && form.needs_record && (mode & S_IXUSR) != (form.host_mode & S_IXUSR);
  if (!unreadable && !set_id && !differs) return absl::OkStatus();
  const absl::Status status = settings_.repair ? StoreAgain(file, xattrs, guest) : absl::OkStatus();
  if (ReasonOf(status) == reason::kDiskFull) return status;
  const std::string done =
      absl::StrFormat("The host's mode is %04o now; inside it stays %s.", form.host_mode, Described(guest));
  if (set_id) {
    Tell(file, LxfsFindingKind::kHostPower, absl::StrFormat("The host file has set-id bits (%04o).", mode & 07777u),
         status, done);
  } else if (unreadable) {
    Tell(file, LxfsFindingKind::kUnreadableFile,
         absl::StrFormat("The user may not %s (%04o), so that a backup misses it.",
                         S_ISDIR(mode) ? "work in the folder" : "read the file", mode & 07777u),
         status, done);
  } else {
    Tell(file, LxfsFindingKind::kOddRecord,
         absl::StrFormat("The host's mode (%04o) isn't that of its record (%s).", mode & 07777u, Described(*record)),
         status, done);
  }
  return absl::OkStatus();
}

// What the guest sees, in the form that lxfs gives it.
absl::Status FileCheck::StoreAgain(const File& file, const HostXattrs& xattrs, const GuestAttributes& guest) {
  const LxfsHostForm form = LxfsHostFormOf(guest, settings_.second_owner);
  if (form.needs_record && !xattrs.supported) {
    const std::optional<SideKey> key = KeyOf(file);
    if (key) RETURN_IF_ERROR(store_.PutNow(*key, guest));
  } else if (form.needs_record) {
    // An attribute needs the right to write.
    if (fchmod(file.fd, (file.host.st_mode & 01777) | OwnerNeeds(file.host.st_mode) | S_IWUSR) != 0) {
      return Failed("cannot change the mode of");
    }
    const std::string bytes = EncodeLxfsRecord(guest);
    if (fsetxattr(file.fd, kLxfsXattr, bytes.data(), bytes.size(), 0) != 0) return Failed("cannot record the mode of");
  }
  return fchmod(file.fd, form.host_mode) == 0 ? absl::OkStatus() : Failed("cannot change the mode of");
}

absl::Status FileCheck::RemoveXattrs(const File& file, const std::vector<std::string>& names) {
  const mode_t mode = file.host.st_mode & 07777;
  const bool writable = (mode & S_IWUSR) != 0;
  if (!writable && fchmod(file.fd, mode | S_IWUSR) != 0) return Failed("cannot change the mode of");
  absl::Status status;
  for (const std::string& name : names) {
    if (fremovexattr(file.fd, name.c_str()) != 0 && errno != ENODATA) status.Update(Failed("cannot remove it from"));
  }
  if (!writable && fchmod(file.fd, mode) != 0) status.Update(Failed("cannot change the mode of"));
  return status;
}

absl::Status FileCheck::LookAtOther(File& file) {
  const mode_t mode = file.host.st_mode;
  if (S_ISCHR(mode) || S_ISBLK(mode)) {
    const absl::Status status = settings_.repair ? ReplaceDevice(file) : absl::OkStatus();
    if (ReasonOf(status) == reason::kDiskFull) return status;
    Tell(file, LxfsFindingKind::kHostDevice,
         absl::StrFormat("The host file is a real device %d:%d, which a distro's never is.", file.found.stx_rdev_major,
                         file.found.stx_rdev_minor),
         status, "It is a device of the distro's own now.");
    return absl::OkStatus();
  }
  const std::optional<SideKey> key = KeyOf(file);
  if (!key) return absl::OkStatus();
  const std::optional<GuestAttributes> record = store_.Find(*key);
  if (record && !LxfsRecordFits(*record, mode)) {
    store_.Remove(*key);
    Tell(file, LxfsFindingKind::kOddRecord,
         absl::StrCat("The side store says that it is ", Described(*record), ", which it can't be."), absl::OkStatus(),
         "The record was removed.");
  }
  if (!record && S_ISSOCK(mode)) store_.NoteUnrecorded(*key, file.item.path);
  if (S_ISLNK(mode) || (mode & kSetId) == 0) return absl::OkStatus();
  absl::Status status;
  if (settings_.repair && fchmodat(file.item.folder, file.item.name, mode & 0777, AT_SYMLINK_NOFOLLOW) != 0) {
    status = Failed("cannot change the mode of");
  }
  Tell(file, LxfsFindingKind::kHostPower,
       absl::StrFormat("The host file has set-id bits (%04o), which mean nothing there.", mode & 07777u), status,
       "They were removed.");
  return absl::OkStatus();
}

absl::Status FileCheck::ReplaceDevice(const File& file) {
  const int folder = file.item.folder;
  if (file.host.st_nlink > 1) {
    return Error(absl::StatusCode::kFailedPrecondition, reason::kIoError, "It has several names; remove all but one.");
  }
  // Of a check that was killed.
  unlinkat(folder, kNewName, 0);
  if (mknodat(folder, kNewName, S_IFSOCK | S_IRUSR | S_IWUSR, 0) != 0) return Failed("cannot make anew");
  const std::optional<SideKey> key = keys_.KeyOf(folder, kNewName);
  if (!key) return Failed("cannot look at");
  const GuestAttributes guest{.mode = file.host.st_mode & (S_IFMT | 0777u),
                              .rdev = makedev(file.found.stx_rdev_major, file.found.stx_rdev_minor)};
  const absl::Status recorded = store_.PutNow(*key, guest);
  const timespec times[2] = {{.tv_sec = file.found.stx_atime.tv_sec, .tv_nsec = file.found.stx_atime.tv_nsec},
                             {.tv_sec = file.found.stx_mtime.tv_sec, .tv_nsec = file.found.stx_mtime.tv_nsec}};
  if (recorded.ok() && utimensat(folder, kNewName, times, AT_SYMLINK_NOFOLLOW) == 0 &&
      renameat(folder, kNewName, folder, file.item.name) == 0) {
    return absl::OkStatus();
  }
  const absl::Status failed = recorded.ok() ? Failed("cannot replace") : recorded;
  unlinkat(folder, kNewName, 0);
  return failed;
}

bool FileCheck::OpenUp(int folder, const char* name) {
  struct stat host;
  if (!settings_.repair || fstatat(folder, name, &host, AT_SYMLINK_NOFOLLOW) != 0) return false;
  if (fchmodat(folder, name, (host.st_mode & 01777) | S_IRWXU, AT_SYMLINK_NOFOLLOW) != 0) return false;
  opened_up_ = host.st_mode;
  return true;
}

}  // namespace wslm
