#include "runtime-v1/lxcore/guest_files.h"

#include <errno.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <climits>
#include <cstring>

#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "distros/host/error.h"
#include "runtime-v1/lxcore/process_facts.h"

namespace wslm::lxcore {
namespace {

constexpr uint32_t kUnmapped = 65534;          // how a user namespace shows ids that it does not map
constexpr uint32_t kMqueueMagic = 0x19800202;  // of ipc/mqueue.c
constexpr uint32_t kTtyGroup = 5;              // of pseudo terminals, in every distro we know

// Carries user xattrs.
bool IsPlain(uint32_t mode) { return S_ISREG(mode) || S_ISDIR(mode); }

struct stat StatOf(const struct statx& x) {
  struct stat host = {};
  host.st_mode = x.stx_mode;
  host.st_uid = x.stx_uid;
  host.st_gid = x.stx_gid;
  host.st_rdev = makedev(x.stx_rdev_major, x.stx_rdev_minor);
  return host;
}

GuestAttributes NativeView(const struct statx& host) {
  return {.mode = host.stx_mode,
          .uid = host.stx_uid,
          .gid = host.stx_gid,
          .rdev = makedev(host.stx_rdev_major, host.stx_rdev_minor)};
}

std::string UnescapeMountInfo(std::string_view field) {
  std::string text;
  for (size_t i = 0; i < field.size(); ++i) {
    unsigned value;
    if (field[i] == '\\' && i + 3 < field.size() &&
        std::from_chars(field.data() + i + 1, field.data() + i + 4, value, 8).ec == std::errc()) {
      text.push_back(static_cast<char>(value));
      i += 3;
    } else {
      text.push_back(field[i]);
    }
  }
  return text;
}

// File systems of the kernel's own, where the guest keeps nothing.
bool IsKernelType(const std::string& type) {
  static constexpr std::string_view kTypes[] = {"sysfs",   "cgroup",     "cgroup2", "bpf",     "debugfs",
                                                "tracefs", "securityfs", "pstore",  "configfs"};
  return std::find(std::begin(kTypes), std::end(kTypes), type) != std::end(kTypes);
}

bool IsMessageQueue(const std::string& name) {
  struct statfs status;
  return ::statfs(name.c_str(), &status) == 0 && status.f_type == kMqueueMagic;
}

bool IsWithin(std::string_view path, std::string_view folder) {
  if (folder == "/") return true;
  return path.starts_with(folder) && (path.size() == folder.size() || path[folder.size()] == '/');
}

}  // namespace

int ErrnoOf(const absl::Status& status) {
  if (status.ok()) return 0;
  return ReasonOf(status) == reason::kDiskFull ? ENOSPC : EIO;
}

bool IsForeignType(std::string_view type) {
  static constexpr std::string_view kTypes[] = {"nfs",      "nfs4", "9p",    "cifs",    "smb3",   "smbfs",
                                                "ceph",     "afs",  "coda",  "autofs",  "lustre", "glusterfs",
                                                "orangefs", "gfs2", "ocfs2", "virtiofs"};
  // "fuse", "fuseblk", "fuse.sshfs"; fusectl is the kernel's own.
  if (type.starts_with("fuse")) return type != "fusectl";
  return std::find(std::begin(kTypes), std::end(kTypes), type) != std::end(kTypes);
}

std::vector<MountLine> ParseMountInfo(std::string_view text) {
  std::vector<MountLine> lines;
  while (!text.empty()) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    std::vector<std::string_view> fields;
    while (!line.empty()) {
      const std::string_view field = line.substr(0, line.find(' '));
      line.remove_prefix(std::min(line.size(), field.size() + 1));
      fields.push_back(field);
    }
    size_t dash = 6;
    while (dash < fields.size() && fields[dash] != "-") ++dash;
    if (dash + 1 >= fields.size()) continue;
    MountLine mount;
    std::from_chars(fields[0].data(), fields[0].data() + fields[0].size(), mount.id);
    std::from_chars(fields[1].data(), fields[1].data() + fields[1].size(), mount.parent);
    mount.device = fields[2];
    mount.root = UnescapeMountInfo(fields[3]);
    mount.point = UnescapeMountInfo(fields[4]);
    mount.type = fields[dash + 1];
    lines.push_back(std::move(mount));
  }
  return lines;
}

GuestFiles::GuestFiles(SideStore& side_store, const Identities& identities, Options options, KeptLog* kept)
    : side_(side_store), kept_(kept), identities_(identities), options_(std::move(options)) {
  if (kept_ == nullptr) return;
  kept_->ForEach(KeptKind::kFileRecord, [this](std::string_view key_bytes, std::string_view record) {
    SideKey key;
    const auto attributes = DecodeLxfsRecord(record);
    if (key_bytes.size() != sizeof(key) || !attributes) return;
    std::memcpy(&key, key_bytes.data(), sizeof(key));
    side_.Put(key, *attributes);
  });
  kept_->ForEach(KeptKind::kDrvfsMount, [this](std::string_view key, std::string_view value) {
    const std::vector<std::string> where = absl::StrSplit(std::string(key), '\0');
    const std::vector<std::string> what = absl::StrSplit(std::string(value), '\0');
    if (where.size() != 3 || what.size() != 2) return;
    DrvfsMount mount{.device = where[0], .root = where[1], .point = where[2], .source = what[1], .options = {}};
    ReadDrvfsOptions(what[0], mount.options);
    options_.drvfs.mounts.push_back(std::move(mount));
  });
  kept_->ForEach(KeptKind::kDevices, [this](std::string_view, std::string_view devices) {
    known_devices_ = absl::StrSplit(std::string(devices), '\n');
  });
  kept_->ForEach(KeptKind::kDeviceOwner, [this](std::string_view device, std::string_view bytes) {
    Owner owner;
    if (FromBytes(bytes, owner)) made_by_.emplace(device, owner);
  });
}

MountKind GuestFiles::KindOf(const MountLine& line) const {
  if (line.type == "proc") return MountKind::kProc;
  if (line.type == "devpts") return MountKind::kDevpts;
  if (IsKernelType(line.type)) return MountKind::kHost;
  if (IsRootfs(line)) return MountKind::kLxfs;
  if (IsForeignType(line.type)) return MountKind::kForeign;
  if (!options_.host_devices.contains(line.device)) return MountKind::kLxfs;
  // Of the host's, too, but no folders that the user asked for.
  const bool served = IsWithin(line.point, "/dev") || IsWithin(line.point, "/sys");
  return served ? MountKind::kHost : MountKind::kDrvfs;
}

bool GuestFiles::IsRootfs(const MountLine& line) const {
  return line.device == options_.rootfs_device && IsWithin(line.root, options_.rootfs_root);
}

void GuestFiles::AddDrvfsMount(DrvfsMount mount) {
  std::vector<DrvfsMount>& mounts = options_.drvfs.mounts;
  // One that was there before is gone or hidden.
  std::erase_if(mounts, [&](const DrvfsMount& old) {
    return old.device == mount.device && old.root == mount.root && old.point == mount.point;
  });
  if (kept_ != nullptr) {
    const std::string separator(1, '\0');
    const std::string options = DrvfsOptionsText(mount.options) + (mount.options.read_only ? ",ro" : "");
    // Where there is no room it is forgotten by the next lxcore.
    static_cast<void>(kept_->Put(KeptKind::kDrvfsMount, mount.device + separator + mount.root + separator + mount.point,
                                 options + separator + mount.source));
  }
  mounts.push_back(std::move(mount));
  ForgetMounts();
}

const DrvfsMount* GuestFiles::DrvfsMountOf(const MountLine& line, const std::vector<MountLine>& lines) const {
  const std::vector<DrvfsMount>& mounts = options_.drvfs.mounts;
  if (mounts.empty() || KindOf(line) != MountKind::kDrvfs) return nullptr;
  const auto found = std::find_if(mounts.begin(), mounts.end(), [&](const DrvfsMount& mount) {
    return mount.device == line.device && mount.root == line.root && mount.point == line.point;
  });
  if (found != mounts.end()) return &*found;
  const auto above = std::find_if(lines.begin(), lines.end(), [&](const MountLine& other) {
    return other.id == line.parent && other.id != line.id;
  });
  return above == lines.end() ? nullptr : DrvfsMountOf(*above, lines);
}

void GuestFiles::LearnDevices() {
  known_devices_.clear();
  for (const MountLine& line : ParseMountInfo(ReadProcFile(AT_FDCWD, std::to_string(current_) + "/mountinfo"))) {
    known_devices_.insert(line.device);
  }
  // Without room for it, what comes up in the namespace is root's after lxcore's end.
  if (kept_ != nullptr) static_cast<void>(kept_->Put(KeptKind::kDevices, "", absl::StrJoin(known_devices_, "\n")));
}

GuestFiles::Owner GuestFiles::OwnerOf(const MountLine& line, const Credentials& reader) {
  if (line.type != "tmpfs" && line.type != "ramfs") return {};
  if (!reader.nested) {
    // None of those, which only who is in there sees: the number is another's now.
    if (made_by_.erase(line.device) != 0 && kept_ != nullptr) kept_->Remove(KeptKind::kDeviceOwner, line.device);
    return {};
  }
  // Of another's it would be one that is gone, whose number is used again.
  const auto found = made_by_.find(line.device);
  if (found != made_by_.end() && found->second.uid == reader.fsuid) return found->second;
  if (known_devices_.contains(line.device)) return {};
  const Owner owner = {reader.fsuid, reader.fsgid};
  if (kept_ != nullptr) static_cast<void>(kept_->Put(KeptKind::kDeviceOwner, line.device, BytesOf(owner)));
  return made_by_[line.device] = owner;
}

void GuestFiles::ReadMounts() {
  const std::vector<MountLine> lines = ParseMountInfo(ReadProcFile(AT_FDCWD, std::to_string(current_) + "/mountinfo"));
  const Credentials reader = identities_.OfHostProcess(std::to_string(current_)).value_or(Credentials{});
  for (const MountLine& line : lines) {
    const MountKind kind = KindOf(line);
    if (kind == MountKind::kForeign) foreign_mounts_ = true;
    Mount mount{kind, line.point, line.root, IsKernelType(line.type), {}, OwnerOf(line, reader)};
    if (kind == MountKind::kDrvfs) {
      const DrvfsMount* drvfs = DrvfsMountOf(line, lines);
      mount.drvfs = drvfs != nullptr ? drvfs->options : options_.drvfs.options;
    }
    mounts_.insert_or_assign(line.id, std::move(mount));
  }
}

const GuestFiles::Mount& GuestFiles::MountOf(uint64_t mount_id) {
  auto found = mounts_.find(mount_id);
  if (found != mounts_.end()) return found->second;
  // Of no guest's mounts.
  if (mount_id == options_.proc_mount) {
    return mounts_.try_emplace(mount_id, Mount{MountKind::kProc, "/proc", "/", false, {}}).first->second;
  }
  ReadMounts();
  return mounts_.try_emplace(mount_id, Mount{MountKind::kNone, "", "", false, {}}).first->second;
}

SideKey GuestFiles::KeyOf(const std::string& name, int flags, const struct statx& host) const {
  return side_.KeyOf(AT_FDCWD, name.c_str(), flags & AT_SYMLINK_NOFOLLOW, host);
}

std::optional<GuestAttributes> GuestFiles::SideRecordOf(const std::string& name, int flags,
                                                        const struct statx& host) const {
  return side_.Get(AT_FDCWD, name.c_str(), flags & AT_SYMLINK_NOFOLLOW, host);
}

std::optional<GuestAttributes> GuestFiles::RecordOf(const std::string& name, int flags,
                                                    const struct statx& host) const {
  if (!LxfsMayHaveRecord(StatOf(host))) return std::nullopt;
  if (!IsPlain(host.stx_mode)) return SideRecordOf(name, flags, host);
  char bytes[64];
  const ssize_t size = flags & AT_SYMLINK_NOFOLLOW ? ::lgetxattr(name.c_str(), kLxfsXattr, bytes, sizeof(bytes))
                                                   : ::getxattr(name.c_str(), kLxfsXattr, bytes, sizeof(bytes));
  if (size >= 0) return DecodeLxfsRecord({bytes, static_cast<size_t>(size)});
  return errno == EOPNOTSUPP ? SideRecordOf(name, flags, host) : std::nullopt;
}

// All but the folders of processes is root's there. The folder's number is found by the name of an opened descriptor.
GuestAttributes GuestFiles::ProcView(const std::string& name, int flags, const struct statx& host,
                                     const Mount& mount) const {
  GuestAttributes view = NativeView(host);
  view.uid = view.gid = 0;
  UniqueFd fd(::open(name.c_str(), O_PATH | O_CLOEXEC | (flags & AT_SYMLINK_NOFOLLOW ? O_NOFOLLOW : 0)));
  if (!fd) return view;
  char path[PATH_MAX];
  const ssize_t size = ::readlink(OwnFdName(fd.get()).c_str(), path, sizeof(path));
  const std::string prefix = mount.point + (mount.point.ends_with('/') ? "" : "/");
  if (size <= 0 || !std::string_view(path, size).starts_with(prefix)) return view;
  std::string pid(path + prefix.size(), size - prefix.size());
  pid.resize(std::min(pid.size(), pid.find('/')));
  if (pid.find_first_not_of("0123456789") != std::string::npos) return view;
  const auto owner = host.stx_mnt_id == options_.proc_mount ? identities_.OfHostProcess(pid)
                                                            : identities_.OfProcDirectory(AT_FDCWD, prefix + pid);
  // Nobody's: a process of the host, below its /proc.
  if (owner && !Identities::IsNobody(*owner)) {
    view.uid = owner->euid;
    view.gid = owner->egid;
  }
  return view;
}

int GuestFiles::Get(const std::string& name, int flags, GuestFile& out) {
  return GetAt(AT_FDCWD, name.c_str(), flags, name, flags, out);
}

int GuestFiles::GetFd(int fd, GuestFile& out) { return GetAt(fd, "", AT_EMPTY_PATH, OwnFdName(fd), 0, out); }

int GuestFiles::GetAt(int folder, const char* path, int path_flags, const std::string& name, int flags,
                      GuestFile& out) {
  constexpr unsigned kMask = STATX_BASIC_STATS | STATX_BTIME | STATX_MNT_ID;
  // What the kernel has in memory, which is all there is to know of local file systems: a server isn't asked.
  const int at_flags = path_flags | AT_NO_AUTOMOUNT;
  if (::statx(folder, path, at_flags | AT_STATX_DONT_SYNC, kMask, &out.host) != 0) return errno;
  const Mount& mount = MountOf(out.host.stx_mnt_id);
  if (mount.kind == MountKind::kLxfs && options_.on_foreign && ::statx(folder, path, at_flags, kMask, &out.host) != 0) {
    return errno;
  }
  out.mount = mount.kind;
  // Message queues are on no mount that a guest sees when they are used by descriptor.
  if (out.mount == MountKind::kNone && S_ISREG(out.host.stx_mode) && IsMessageQueue(name)) {
    out.mount = MountKind::kLxfs;
  }
  out.has_record = false;
  out.list = nullptr;
  switch (out.mount) {
    case MountKind::kLxfs: {
      const auto record = RecordOf(name, flags, out.host);
      out.has_record = record.has_value();
      const bool has_compact_form = record || IsOnRootfs(out.host);
      out.attributes =
          has_compact_form ? LxfsGuestView(StatOf(out.host), record, options_.second_owner) : NativeView(out.host);
      if (!record && out.attributes.uid == 0 && out.attributes.gid == 0) {
        out.attributes.uid = mount.owner.uid;
        out.attributes.gid = mount.owner.gid;
      }
      break;
    }
    case MountKind::kDevpts: {
      const auto record = SideRecordOf(name, flags, out.host);
      out.has_record = record.has_value();
      out.attributes = record.value_or(NativeView(out.host));
      if (!record) {
        out.attributes.uid = 0;
        out.attributes.gid = S_ISCHR(out.host.stx_mode) && (out.host.stx_mode & 0777) != 0666 ? kTtyGroup : 0;
      }
      break;
    }
    case MountKind::kProc:
      out.attributes = ProcView(name, flags, out.host, mount);
      break;
    case MountKind::kDrvfs:
      if (!S_ISCHR(out.host.stx_mode) && !S_ISBLK(out.host.stx_mode)) {
        out.drvfs = mount.drvfs;
        const auto record = DrvfsRecordOf(name, flags, out);
        out.has_record = record.has_value();
        out.attributes = DrvfsView(out.host.stx_mode, record, out.drvfs);
        break;
      }
      out.mount = MountKind::kHost;
      [[fallthrough]];
    case MountKind::kHost:
      out.attributes = NativeView(out.host);
      // Device nodes and the kernel's files are the host root's: inside, root's.
      if (S_ISCHR(out.host.stx_mode) || S_ISBLK(out.host.stx_mode) || mount.kernels) {
        if (out.attributes.uid == kUnmapped) out.attributes.uid = 0;
        if (out.attributes.gid == kUnmapped) out.attributes.gid = 0;
      }
      break;
    case MountKind::kNone:
    case MountKind::kForeign:
      out.attributes = NativeView(out.host);
      break;
  }
  out.differs = out.attributes.mode != out.host.stx_mode || out.attributes.uid != out.host.stx_uid ||
                out.attributes.gid != out.host.stx_gid || out.is_made_device();
  return 0;
}

bool GuestFiles::IsOnRootfs(const struct statx& host) const {
  return makedev(host.stx_dev_major, host.stx_dev_minor) == options_.device;
}

LxfsHostForm GuestFiles::HostFormFor(const GuestFile& near, const GuestAttributes& attributes, bool with_rights) const {
  if (near.mount == MountKind::kDrvfs) return {.host_mode = DrvfsHostMode(attributes.mode), .needs_record = true};
  if (with_rights) return LxfsRecordFormOf(attributes);
  // No second owner elsewhere: a tmpfs may be mounted with a sticky bit that is just that.
  constexpr SecondOwner kNone{UINT32_MAX, UINT32_MAX};
  return LxfsHostFormOf(attributes, IsOnRootfs(near.host) ? options_.second_owner : kNone);
}

int GuestFiles::Set(const std::string& name, int flags, const GuestFile& file, const GuestAttributes& attributes) {
  return SetForm(name, flags, file, attributes, file.has_record && HasKeptRights(name, flags, file));
}

int GuestFiles::SetWithRights(const std::string& name, int flags, const GuestFile& file,
                              const GuestAttributes& attributes) {
  return SetForm(name, flags, file, attributes, HasKeptRights(name, flags, file));
}

int GuestFiles::SetForm(const std::string& name, int flags, const GuestFile& file, const GuestAttributes& attributes,
                        bool with_rights) {
  switch (file.mount) {
    case MountKind::kLxfs:
      break;
    case MountKind::kDrvfs:
      return SetDrvfs(name, flags, file, attributes);
    case MountKind::kDevpts:
      return Keep(KeyOf(name, flags, file.host), attributes);
    case MountKind::kProc:
    case MountKind::kHost:
    case MountKind::kNone:
    case MountKind::kForeign:
      if (attributes.uid != file.attributes.uid || attributes.gid != file.attributes.gid) return EPERM;
      return S_ISLNK(file.host.stx_mode) || ::chmod(name.c_str(), attributes.mode & 07777) == 0 ? 0 : errno;
  }
  const LxfsHostForm form = HostFormFor(file, attributes, with_rights);
  if (S_ISLNK(file.host.stx_mode)) {
    if (form.needs_record) return Keep(KeyOf(name, flags, file.host), attributes);
    return file.has_record ? Keep(KeyOf(name, flags, file.host), std::nullopt) : 0;
  }
  // Another thread of the guest's may put another file under the name or the descriptor meanwhile: it gets nothing.
  const UniqueFd held(::open(name.c_str(), O_PATH | O_CLOEXEC | (flags & AT_SYMLINK_NOFOLLOW ? O_NOFOLLOW : 0)));
  struct stat there;
  if (!held || ::fstat(held.get(), &there) != 0) return errno;
  if (there.st_ino != file.host.stx_ino || there.st_dev != makedev(file.host.stx_dev_major, file.host.stx_dev_minor)) {
    return ENOENT;
  }
  const std::string own = OwnFdName(held.get());
  const bool plain = IsPlain(file.host.stx_mode);
  if (form.needs_record) {
    // The record first: without the mode it means nothing, but the mode without it means another owner.
    const std::string record = EncodeLxfsRecord(attributes);
    const bool in_xattr = plain && ::setxattr(own.c_str(), kLxfsXattr, record.data(), record.size(), 0) == 0;
    if (plain && !in_xattr && errno != EOPNOTSUPP) return errno;
    if (!in_xattr) {
      if (int error = Keep(KeyOf(own, 0, file.host), attributes)) return error;
    }
    // What can't carry the record doesn't show by its mode that there is one.
    if (!plain) return 0;
  }
  if ((file.host.stx_mode & 07777) != form.host_mode && ::chmod(own.c_str(), form.host_mode) != 0) return errno;
  if (!file.has_record || form.needs_record) return 0;
  if (plain && (::removexattr(own.c_str(), kLxfsXattr) == 0 || errno != EOPNOTSUPP)) return 0;
  return Keep(KeyOf(own, 0, file.host), std::nullopt);
}

std::optional<GuestAttributes> GuestFiles::DrvfsRecordOf(const std::string& name, int flags,
                                                         const GuestFile& file) const {
  if (!file.drvfs.metadata || !IsPlain(file.host.stx_mode)) return std::nullopt;
  char bytes[64];
  const ssize_t size = flags & AT_SYMLINK_NOFOLLOW ? ::lgetxattr(name.c_str(), kDrvfsXattr, bytes, sizeof(bytes))
                                                   : ::getxattr(name.c_str(), kDrvfsXattr, bytes, sizeof(bytes));
  return size < 0 ? std::nullopt : DecodeLxfsRecord({bytes, static_cast<size_t>(size)});
}

// The host's mode can be changed only of what is its user's own.
int GuestFiles::SetDrvfs(const std::string& name, int flags, const GuestFile& file, const GuestAttributes& attributes) {
  if (!IsPlain(file.host.stx_mode)) return 0;
  mode_t host_mode = DrvfsExecutableMode(file.host.stx_mode, attributes.mode);
  if (file.drvfs.metadata) {
    const std::string record = EncodeLxfsRecord(attributes);
    const int result = flags & AT_SYMLINK_NOFOLLOW
                           ? ::lsetxattr(name.c_str(), kDrvfsXattr, record.data(), record.size(), 0)
                           : ::setxattr(name.c_str(), kDrvfsXattr, record.data(), record.size(), 0);
    if (result == 0) {
      host_mode = (file.host.stx_mode & 07000) | DrvfsHostMode(attributes.mode);
    } else if (errno != EOPNOTSUPP) {
      return errno;
    }
  }
  if ((file.host.stx_mode & 07777u) != host_mode) ::chmod(name.c_str(), host_mode);
  return 0;
}

// Answers when it is in a log: what a guest was told to be done survives lxcore.
int GuestFiles::Keep(const SideKey& key, const std::optional<GuestAttributes>& attributes) {
  const auto put = [&](const std::optional<GuestAttributes>& wanted) {
    wanted ? side_.Put(key, *wanted) : side_.Remove(key);
  };
  if (key.device != 0 && kept_ != nullptr) {
    if (!attributes) {
      kept_->Remove(KeptKind::kFileRecord, BytesOf(key));
    } else if (!kept_->Put(KeptKind::kFileRecord, BytesOf(key), EncodeLxfsRecord(*attributes))) {
      return ENOSPC;
    }
  }
  const std::optional<GuestAttributes> before = side_.Get(key);
  if (attributes && on_side_record_) on_side_record_(key.inode);
  put(attributes);
  const absl::Status status = side_.Commit();
  if (status.ok()) return 0;
  put(before);
  return ErrnoOf(status);
}

int GuestFiles::SetNew(const std::string& name, int flags, const GuestAttributes& attributes,
                       const GuestXattrs& lists) {
  GuestFile file;
  if (int error = Get(name, flags, file)) return error;
  for (const auto& [xattr, value] : lists) {
    if (int error = SetKept(name, flags, file, xattr, value)) return error;
  }
  if (lists.empty() && file.attributes == attributes) return 0;
  return SetForm(name, flags, file, attributes, !lists.empty());
}

}  // namespace wslm::lxcore
