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
  return fstatvfs(fd, &file_system) == 0 && file_system.f_bavail > 0;
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
  const LxfsHostForm form = LxfsHostFormOf(attributes, second_owner_);
  if (!is_new && has_xattrs_) RETURN_IF_ERROR(RemoveXattrs(fd, entry.path));
  // An ordinary user may set attributes on what is writable only, so the mode comes after them.
  if (form.needs_record) {
    RETURN_IF_ERROR(WriteRecord(fd, attributes, entry.path));
  } else if (!has_xattrs_ && (!is_new || numbers_reused_)) {
    if (const std::optional<SideKey> key = store_->KeyOf(fd)) store_->Remove(*key);
  }
  RETURN_IF_ERROR(WriteXattrs(fd, entry));
  if (fchmod(fd, form.host_mode) != 0) return ErrnoError("cannot set the mode of", entry.path);
  return absl::OkStatus();
}

absl::Status AttributeWriter::ApplyTo(int folder, const char* name, const Entry& entry) {
  const GuestAttributes attributes = GuestAttributesOf(entry);
  const LxfsHostForm form = LxfsHostFormOf(attributes, second_owner_);
  if (form.needs_record || numbers_reused_) {
    const std::optional<SideKey> key = store_->KeyOf(folder, name);
    if (!key) return ErrnoError("cannot look at", entry.path);
    if (form.needs_record) {
      store_->Put(*key, attributes);
    } else {
      store_->Remove(*key);
    }
  }
  for (const auto& [xattr, value] : entry.xattrs) {
    NoteLoss(entry.path, "the attribute " + Escaped(xattr) + " of what is neither a file nor a folder");
  }
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

absl::Status AttributeWriter::WriteXattrs(int fd, const Entry& entry) {
  for (const auto& [guest_name, value] : entry.xattrs) {
    const std::optional<std::string> name = LxfsHostXattrName(guest_name);
    if (!name) {
      NoteLoss(entry.path, "the attribute " + Escaped(guest_name) + " has no place in lxfs");
      continue;
    }
    if (!has_xattrs_) {
      NoteLoss(entry.path, "the attribute " + Escaped(guest_name) + ": the host's file system holds none");
      continue;
    }
    if (fsetxattr(fd, name->c_str(), value.data(), value.size(), 0) == 0) continue;
    if (errno == E2BIG || errno == ERANGE || (errno == ENOSPC && HasRoom(fd))) {
      NoteLoss(entry.path, "the attribute " + Escaped(guest_name) + " is too large for the host's file system");
      continue;
    }
    return ErrnoError("cannot set the attribute " + Escaped(guest_name) + " of", entry.path);
  }
  return absl::OkStatus();
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
  if (const std::optional<SideKey> key = store_->KeyOf(folder, name)) store_->Remove(*key);
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
