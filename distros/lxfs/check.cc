#include "distros/lxfs/check.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <cerrno>
#include <chrono>
#include <memory>
#include <optional>
#include <utility>

#include "distros/host/error.h"
#include "distros/host/status_macros.h"
#include "distros/host/unique_fd.h"
#include "distros/lxfs/check_findings.h"
#include "distros/lxfs/file_check.h"
#include "distros/lxfs/side_key.h"
#include "distros/lxfs/store_check.h"
#include "distros/lxfs/tree_walk.h"

namespace wslm {
namespace {

constexpr char kRootName[] = "rootfs";
constexpr std::chrono::milliseconds kProgressInterval{100};

absl::Status NoRoot(const std::string& folder) {
  if (errno != ENOENT && errno != ENOTDIR && errno != ELOOP) {
    return ErrnoError("cannot open the distro's files in", folder);
  }
  return Error(absl::StatusCode::kFailedPrecondition, reason::kDistroBroken,
               "The distro's files are not there: " + Escaped(folder) + " has no folder " + kRootName + ".",
               {{"path", folder}});
}

}  // namespace

absl::StatusOr<LxfsReport> CheckLxfs(const std::string& folder, SecondOwner second_owner,
                                     const LxfsCheckOptions& options) {
  LxfsReport report;
  CheckFindings findings(report);
  UniqueFd folder_fd(open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  struct stat host;
  if (!folder_fd || fstat(folder_fd.get(), &host) != 0) return ErrnoError("cannot open", folder);
  const SideKeys keys(folder_fd.get(), host.st_dev);
  const std::optional<SideKey> root_key = keys.KeyOf(folder_fd.get(), kRootName);
  if (!root_key) return NoRoot(folder);
  // The lock first.
  ASSIGN_OR_RETURN(const std::unique_ptr<StoreCheck> store,
                   StoreCheck::Open(folder, *root_key, options.repair, findings));
  FileCheck files({.second_owner = second_owner, .user = host.st_uid, .repair = options.repair}, keys, *store,
                  findings);
  const auto open_root = [&] {
    return UniqueFd(openat(folder_fd.get(), kRootName, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  };
  UniqueFd root = open_root();
  if (!root && errno == EACCES && files.OpenUp(folder_fd.get(), kRootName)) root = open_root();
  if (!root) return NoRoot(folder);
  TreeWalk walk(std::move(root), [&](int parent, const char* name) { return files.OpenUp(parent, name); });
  TreeWalk::Item item;
  auto last_progress = std::chrono::steady_clock::now();
  while (true) {
    RETURN_IF_ERROR(CheckCancel(options.cancel));
    const absl::StatusOr<bool> more = walk.Next(item);
    if (!more.ok() && ReasonOf(more.status()) == reason::kPermissionDenied) {
      const std::string path = MetadataOf(more.status())["path"];
      findings.Add(path, LxfsFindingKind::kUnreadableFile,
                   "The user may not read the folder, so that a backup misses what it holds. 'chmod u+rwx' gives the "
                   "right back.");
      report.complete = false;
      continue;
    }
    RETURN_IF_ERROR(more.status());
    if (!*more) break;
    RETURN_IF_ERROR(files.Look(item));
    const auto now = std::chrono::steady_clock::now();
    if (options.progress != nullptr && now - last_progress >= kProgressInterval) {
      last_progress = now;
      options.progress(report.totals.entries);
    }
  }
  files.Finish();
  RETURN_IF_ERROR(store->Finish(report.complete));
  return report;
}

}  // namespace wslm
