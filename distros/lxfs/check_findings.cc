#include "distros/lxfs/check_findings.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace wslm {
namespace {

const char* TypeName(uint32_t mode) {
  switch (mode & S_IFMT) {
    case S_IFREG:
      return "a file";
    case S_IFDIR:
      return "a folder";
    case S_IFLNK:
      return "a link";
    case S_IFIFO:
      return "a fifo";
    case S_IFSOCK:
      return "a socket";
    case S_IFCHR:
      return "a character device";
    case S_IFBLK:
      return "a block device";
    default:
      return "nothing known";
  }
}

}  // namespace

std::string_view LxfsFindingName(LxfsFindingKind kind) {
  switch (kind) {
    case LxfsFindingKind::kOrphanRecord:
      return "ORPHAN_RECORD";
    case LxfsFindingKind::kStaleRecord:
      return "STALE_RECORD";
    case LxfsFindingKind::kMisplacedXattr:
      return "MISPLACED_XATTR";
    case LxfsFindingKind::kUnreadableRecord:
      return "UNREADABLE_RECORD";
    case LxfsFindingKind::kOddRecord:
      return "ODD_RECORD";
    case LxfsFindingKind::kForeignOwner:
      return "FOREIGN_OWNER";
    case LxfsFindingKind::kUnreadableFile:
      return "UNREADABLE_FILE";
    case LxfsFindingKind::kHostPower:
      return "HOST_POWER";
    case LxfsFindingKind::kHostDevice:
      return "HOST_DEVICE";
    case LxfsFindingKind::kLinkOutside:
      return "LINK_OUTSIDE";
    case LxfsFindingKind::kMount:
      return "MOUNT";
    case LxfsFindingKind::kDamagedStore:
      return "DAMAGED_STORE";
    case LxfsFindingKind::kOtherTree:
      return "OTHER_TREE";
  }
  return "";
}

bool IsLeftOver(LxfsFindingKind kind) {
  return kind == LxfsFindingKind::kOrphanRecord || kind == LxfsFindingKind::kStaleRecord ||
         kind == LxfsFindingKind::kMisplacedXattr;
}

void CheckFindings::Add(std::string_view path, LxfsFindingKind kind, std::string what) {
  ++report_.totals.findings;
  if (!IsLeftOver(kind)) ++report_.totals.harmful;
  if (report_.findings.size() < LxfsReport::kMaximumFindings) {
    report_.findings.push_back({.path = std::string(path), .kind = kind, .what = std::move(what)});
  }
}

void CheckFindings::Add(std::string_view path, LxfsFindingKind kind, std::string what, const absl::Status& status,
                        std::string_view done) {
  const size_t before = report_.findings.size();
  what += ' ';
  what += status.ok() ? std::string(done) : "It could not be mended: " + std::string(status.message());
  Add(path, kind, std::move(what));
  if (!status.ok()) return;
  ++report_.totals.repaired;
  if (report_.findings.size() > before) report_.findings.back().repaired = true;
}

std::string Described(const GuestAttributes& attributes) {
  const uint32_t type = attributes.mode & S_IFMT;
  const bool device = type == S_IFCHR || type == S_IFBLK;
  return absl::StrFormat("%s%s, mode %04o, owner %d:%d", TypeName(attributes.mode),
                         device ? absl::StrFormat(" %d:%d", major(attributes.rdev), minor(attributes.rdev)) : "",
                         attributes.mode & 07777u, attributes.uid, attributes.gid);
}

}  // namespace wslm
