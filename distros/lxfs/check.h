// Looks a v1 distro's folder over: whether what the host's files and the side store say fits together, and mends what
// does not.
//
//   ASSIGN_OR_RETURN(const LxfsReport report, CheckLxfs(folder, second_owner, {.repair = true}));
//   for (const LxfsFinding& finding : report.findings) Print(finding.path, finding.what, finding.repaired);
//
// A tree that was edited from outside is not broken: every host file has a meaning (lxfs/attributes.h), and where a
// record is missing it is root's with the host's mode. A finding is either something left over, which changes nothing
// that the guest sees, or something that harms: see IsLeftOver.
#ifndef WSLM_DISTROS_LXFS_CHECK_H_
#define WSLM_DISTROS_LXFS_CHECK_H_

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "distros/host/cancel.h"
#include "distros/lxfs/lxfs.h"

namespace wslm {

enum class LxfsFindingKind {
  // Left over.
  kOrphanRecord,    // in the side store, of a file that is gone
  kStaleRecord,     // in user.lxfs, on a file whose mode says that none counts: it was chmod'ed from outside
  kMisplacedXattr,  // its name begins with user.lxfs and means nothing
  // Harmful.
  kUnreadableRecord,  // user.lxfs is of a wrong size or version
  kOddRecord,         // contradicts its file: another type, another mode, values that can't be
  kForeignOwner,      // a host file that isn't the user's
  kUnreadableFile,    // the user may not read it: a backup would miss it
  kHostPower,         // set-id bits or a capability on a host file, where only the guest's record may have them
  kHostDevice,        // a real device
  kLinkOutside,       // a hard link whose other names lie outside of the distro
  kMount,             // something of the host's is mounted there
  kDamagedStore,      // the side store is no sound database
  kOtherTree,         // the side store's records are of another copy of the files
};

// "ORPHAN_RECORD" and so on, for programs.
std::string_view LxfsFindingName(LxfsFindingKind kind);
bool IsLeftOver(LxfsFindingKind kind);

struct LxfsFinding {
  // Relative to the distro's root, bytes, of any length; empty for the root and for what is of no single file.
  std::string path;
  LxfsFindingKind kind{};
  // A sentence or more: what it is, what was done, or what to do.
  std::string what;
  bool repaired = false;
};

struct LxfsCheckTotals {
  int64_t entries = 0;
  // Records that count.
  int64_t records_in_files = 0;
  int64_t records_in_store = 0;
  // Also of those that the list has no room for.
  int64_t findings = 0;
  int64_t harmful = 0;
  int64_t repaired = 0;
};

struct LxfsReport {
  static constexpr size_t kMaximumFindings = 1000;
  std::vector<LxfsFinding> findings;
  LxfsCheckTotals totals;
  // False: some folder could not be looked into, so that records without files could not be told.
  bool complete = true;
  // Where the side store as it was before the repair lies now; empty when it was not changed.
  std::string saved_store;
};

struct LxfsCheckOptions {
  // Else nothing is changed.
  bool repair = false;
  // May be null; looked at between files.
  const CancelFlag* cancel = nullptr;
  // Called at most ten times a second with the number of entries looked at, on the caller's thread.
  std::function<void(int64_t entries)> progress;
};

// The distro must not run, and can't be started meanwhile once it has a side store. Repair loses nothing that counts:
// what the guest sees stays the same, but for what the findings name; the side store is kept beside before it is
// changed. A repair that is cancelled or fails half-way has mended a part. Errors: DISTRO_BROKEN when there is no
// rootfs or a newer wslm wrote the side store, DISTRO_RUNNING, CANCELLED, DISK_FULL, IO_ERROR.
absl::StatusOr<LxfsReport> CheckLxfs(const std::string& folder, SecondOwner second_owner,
                                     const LxfsCheckOptions& options);

}  // namespace wslm

#endif  // WSLM_DISTROS_LXFS_CHECK_H_
