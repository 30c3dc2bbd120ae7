#include "distros/tree/entry.h"

#include <sys/stat.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "distros/host/error.h"

namespace wslm {
namespace {

constexpr size_t kNameMax = 255;
// Linux takes 4096 in one call; deeper trees are made step by step.
constexpr size_t kPathMax = 16384;
constexpr size_t kTargetMax = 4095;
constexpr size_t kXattrNameMax = 255;
constexpr size_t kXattrValueMax = 65536;

absl::Status Corrupt(const Entry& entry, std::string_view what) {
  const std::string detail = absl::StrCat("'", Escaped(entry.path.substr(0, 300)), "' ", std::string(what));
  return Error(absl::StatusCode::kDataLoss, reason::kCorruptSource,
               absl::StrCat("The source is damaged: its entry ", detail, "."), {{"detail", detail}});
}

constexpr std::pair<FileType, uint32_t> kTypes[] = {
    {FileType::kRegular, S_IFREG},    {FileType::kDirectory, S_IFDIR},   {FileType::kSymlink, S_IFLNK},
    {FileType::kCharDevice, S_IFCHR}, {FileType::kBlockDevice, S_IFBLK}, {FileType::kFifo, S_IFIFO},
    {FileType::kSocket, S_IFSOCK},
};

bool HasNul(std::string_view text) { return text.find('\0') != std::string_view::npos; }

// Ascending, not overlapping, within the file.
bool AreOrdered(const std::vector<DataExtent>& extents, int64_t size) {
  int64_t end = 0;
  for (const DataExtent& extent : extents) {
    if (extent.offset < end || extent.length < 0 || extent.length > size || extent.offset > size - extent.length) {
      return false;
    }
    end = extent.offset + extent.length;
  }
  return true;
}

}  // namespace

uint32_t TypeBits(FileType type) {
  for (const auto& [known, bits] : kTypes) {
    if (known == type) return bits;
  }
  return 0;
}

std::optional<FileType> TypeOfMode(uint32_t mode) {
  for (const auto& [type, bits] : kTypes) {
    if (bits == (mode & S_IFMT)) return type;
  }
  return std::nullopt;
}

std::optional<std::string> NormalisedPath(std::string_view path) {
  std::string result;
  result.reserve(path.size());
  while (!path.empty()) {
    const size_t slash = path.find('/');
    const std::string_view component = path.substr(0, slash);
    path.remove_prefix(slash == std::string_view::npos ? path.size() : slash + 1);
    if (component.empty() || component == ".") continue;
    if (component == ".." || component.size() > kNameMax || component.find('\0') != std::string_view::npos) {
      return std::nullopt;
    }
    if (!result.empty()) result += '/';
    result += component;
  }
  return result;
}

absl::Status CheckEntry(const Entry& entry) {
  if (entry.path.size() > kPathMax) return Corrupt(entry, "has a path that is too long");
  if (NormalisedPath(entry.path) != entry.path) return Corrupt(entry, "has a path that is not allowed");
  if (entry.is_hard_link()) {
    if (entry.path.empty() || NormalisedPath(entry.hard_link_to) != entry.hard_link_to) {
      return Corrupt(entry, "is a hard link to a path that is not allowed");
    }
    return absl::OkStatus();
  }
  if ((entry.mode & ~07777) != 0) return Corrupt(entry, "has an impossible mode");
  if (entry.size < 0) return Corrupt(entry, "has a negative size");
  if (entry.mtime.nanoseconds > 999'999'999) return Corrupt(entry, "has an impossible time");
  if (entry.type == FileType::kSymlink) {
    const std::string& target = entry.symlink_target;
    if (target.empty() || target.size() > kTargetMax || HasNul(target)) {
      return Corrupt(entry, "is a symbolic link to a path that is not allowed");
    }
  }
  if (entry.extents && !AreOrdered(*entry.extents, entry.size))
    return Corrupt(entry, "has an impossible map of its data");
  const bool sound = std::all_of(entry.xattrs.begin(), entry.xattrs.end(), [](const auto& xattr) {
    return !xattr.first.empty() && xattr.first.size() <= kXattrNameMax && !HasNul(xattr.first) &&
           xattr.second.size() <= kXattrValueMax;
  });
  return sound ? absl::OkStatus() : Corrupt(entry, "has an extended attribute that is not allowed");
}

}  // namespace wslm
