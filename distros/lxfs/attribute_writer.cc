#include "distros/lxfs/attribute_writer.h"

#include <fcntl.h>
#include <linux/limits.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include <cerrno>
#include <cstring>
#include <optional>
#include <string_view>
#include <utility>

#include "distros/host/error.h"
#include "distros/host/status_macros.h"
#include "distros/lxfs/kept_rights.h"
#include "distros/lxfs/xattr_names.h"

namespace wslm {
namespace {

constexpr size_t kMaximumLosses = 100;
constexpr char kProbeXattr[] = "user.lxfs.probe";

bool HoldsXattrs(int folder) {
  if (fsetxattr(folder, kProbeXattr, "", 0, 0) != 0) return false;
  fremovexattr(folder, kProbeXattr);
  return true;
}

// ext4 says ENOSPC of a value that is too large for its place, however much room the disk has.
bool HasRoom(int fd) {
  struct statvfs file_system;
  // A tmpfs without a limit says that it has no block.
  return fstatvfs(fd, &file_system) == 0 && (file_system.f_bavail > 0 || file_system.f_blocks == 0);
}

LxfsHostForm HostFormOf(const GuestAttributes& attributes, const Entry& entry, SecondOwner second_owner) {
  for (const auto& [name, value] : entry.xattrs) {
    if (LxfsXattrNeedsRecord(name)) return LxfsRecordFormOf(attributes);
  }
  return LxfsHostFormOf(attributes, second_owner);
}

}  // namespace

GuestAttributes GuestAttributesOf(const Entry& entry) {
  const bool device = entry.type == FileType::kCharDevice || entry.type == FileType::kBlockDevice;
  // Linux knows no mode of a symlink; archives write whatever their maker's system has.
  const uint32_t mode = entry.type == FileType::kSymlink ? 0777u : entry.mode & 07777u;
  return {.mode = TypeBits(entry.type) | mode,
          .uid = entry.uid,
          .gid = entry.gid,
          .rdev = device ? makedev(entry.rdev_major, entry.rdev_minor) : 0};
}

AttributeWriter::AttributeWriter(std::unique_ptr<SideStore> store, SecondOwner second_owner, int root)
    : store_(std::move(store)), second_owner_(second_owner), has_xattrs_(HoldsXattrs(root)) {}

absl::Status AttributeWriter::ApplyTo(int fd, const Entry& entry, bool is_new) {
  const GuestAttributes attributes = GuestAttributesOf(entry);
  const LxfsHostForm form = HostFormOf(attributes, entry, second_owner_);
  if (!is_new && has_xattrs_) RETURN_IF_ERROR(RemoveXattrs(fd, entry.path));
  // An ordinary user may set attributes on what is writable only, so the mode comes after them.
  if (form.needs_record) {
    RETURN_IF_ERROR(WriteRecord(fd, attributes, entry.path));
  } else if (!has_xattrs_ && (!is_new || numbers_reused_)) {
    if (const std::optional<SideKey> key = store_->KeyOf(fd)) store_->Remove(*key);
  }
  RETURN_IF_ERROR(WriteXattrs(fd, entry, is_new));
  if (fchmod(fd, form.host_mode) != 0) return ErrnoError("cannot set the mode of", entry.path);
  return absl::OkStatus();
}

absl::Status AttributeWriter::ApplyTo(int folder, const char* name, const Entry& entry) {
  const GuestAttributes attributes = GuestAttributesOf(entry);
  const LxfsHostForm form = HostFormOf(attributes, entry, second_owner_);
  if (form.needs_record || numbers_reused_) {
    const std::optional<SideKey> key = store_->KeyOf(folder, name);
    if (!key) return ErrnoError("cannot look at", entry.path);
    if (form.needs_record) {
      store_->Put(*key, attributes);
    } else {
      store_->Remove(*key);
    }
  }
  if (!entry.xattrs.empty() || numbers_reused_) KeepXattrs(store_->KeyOf(folder, name), entry.xattrs, entry.path);
  if (entry.type == FileType::kSymlink) return absl::OkStatus();
  if (fchmodat(folder, name, form.host_mode, AT_SYMLINK_NOFOLLOW) != 0) {
    return ErrnoError("cannot set the mode of", entry.path);
  }
  return absl::OkStatus();
}

absl::Status AttributeWriter::WriteRecord(int fd, const GuestAttributes& attributes, const std::string& path) {
  if (has_xattrs_) {
    const std::string record = EncodeLxfsRecord(attributes);
    if (fsetxattr(fd, kLxfsXattr, record.data(), record.size(), 0) == 0) return absl::OkStatus();
    return ErrnoError("cannot record the owner and mode of", path);
  }
  const std::optional<SideKey> key = store_->KeyOf(fd);
  if (!key) return ErrnoError("cannot look at", path);
  store_->Put(*key, attributes);
  return absl::OkStatus();
}

absl::Status AttributeWriter::WriteXattrs(int fd, const Entry& entry, bool is_new) {
  GuestXattrs rest;
  for (const auto& xattr : entry.xattrs) {
    const auto& [guest_name, value] = xattr;
    const std::optional<std::string> name = has_xattrs_ ? LxfsHostXattrName(guest_name) : std::nullopt;
    if (name && fsetxattr(fd, name->c_str(), value.data(), value.size(), 0) == 0) continue;
    if (name && errno != E2BIG && errno != ERANGE && (errno != ENOSPC || !HasRoom(fd))) {
      return ErrnoError("cannot set the attribute " + Escaped(guest_name) + " of", entry.path);
    }
    rest.insert(xattr);
  }
  if (!rest.empty() || !is_new || numbers_reused_) KeepXattrs(store_->KeyOf(fd), rest, entry.path);
  return absl::OkStatus();
}

// In the side store, those that the file itself can't hold.
void AttributeWriter::KeepXattrs(const std::optional<SideKey>& key, const GuestXattrs& xattrs,
                                 const std::string& path) {
  if (!key) return;
  GuestXattrs kept;
  for (const auto& xattr : xattrs) {
    if (xattr.second.size() > XATTR_SIZE_MAX) {
      NoteLoss(path, "the attribute " + Escaped(xattr.first) + " is larger than Linux lets one be");
    } else if (LxfsHoldsXattr(xattr.first)) {
      kept.insert(xattr);
    } else {
      NoteLoss(path, "the attribute " + Escaped(xattr.first) + " has no place in lxfs");
    }
  }
  if (store_->PutXattrs(*key, kept)) return;
  store_->PutXattrs(*key, {});
  for (const auto& [name, value] : kept) {
    NoteLoss(path, "the attribute " + Escaped(name) + ": there is no room for more that the host's files can't hold");
  }
}

absl::Status AttributeWriter::RemoveXattrs(int fd, const std::string& path) {
  std::string names(XATTR_LIST_MAX, '\0');
  const ssize_t length = flistxattr(fd, names.data(), names.size());
  if (length < 0) return ErrnoError("cannot list the attributes of", path);
  names.resize(static_cast<size_t>(length));
  for (std::string_view rest = names; !rest.empty(); rest.remove_prefix(strlen(rest.data()) + 1)) {
    const std::string_view name = rest.data();
    if (!name.starts_with("user.")) continue;
    if (fremovexattr(fd, rest.data()) != 0) return ErrnoError("cannot remove an attribute of", path);
  }
  return absl::OkStatus();
}

void AttributeWriter::Forget(int folder, const char* name) {
  numbers_reused_ = true;
  struct stat host;
  if (fstatat(folder, name, &host, AT_SYMLINK_NOFOLLOW) != 0 || host.st_nlink > 1) return;
  const std::optional<SideKey> key = store_->KeyOf(folder, name);
  if (!key) return;
  store_->Remove(*key);
  store_->PutXattrs(*key, {});
}

absl::Status AttributeWriter::Finish() {
  absl::Status status = store_->Flush();
  store_.reset();
  return status;
}

void AttributeWriter::NoteLoss(const std::string& path, const std::string& reason) {
  if (losses_.size() < kMaximumLosses) losses_.push_back(Escaped(path.empty() ? "/" : path) + ": " + reason);
}

}  // namespace wslm
