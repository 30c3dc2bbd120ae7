// One host file's part of a check.
#ifndef WSLM_DISTROS_LXFS_FILE_CHECK_H_
#define WSLM_DISTROS_LXFS_FILE_CHECK_H_

#include <sys/stat.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "distros/host/unique_fd.h"
#include "distros/lxfs/attributes.h"
#include "distros/lxfs/check_findings.h"
#include "distros/lxfs/lxfs.h"
#include "distros/lxfs/side_key.h"
#include "distros/lxfs/store_check.h"
#include "distros/lxfs/tree_walk.h"

namespace wslm {

// Not thread-safe.
class FileCheck {
 public:
  struct Settings {
    SecondOwner second_owner;
    // Whose all host files are to be.
    uid_t user = 0;
    bool repair = false;
  };
  FileCheck(Settings settings, const SideKeys& keys, StoreCheck& store, CheckFindings& findings)
      : settings_(settings), keys_(keys), store_(store), findings_(findings) {}

  // Looks at what a walk gave out; with repair mends it. What has gone meanwhile is fine. Errors: DISK_FULL, IO_ERROR.
  absl::Status Look(const TreeWalk::Item& item);
  // For the walk: gives the owner back the right to read a folder, which Look then tells of.
  bool OpenUp(int folder, const char* name);
  // After the last: tells of hard links that lead outside.
  void Finish();

 private:
  // A host file being looked at.
  struct File {
    const TreeWalk::Item& item;
    // As it was found: a mode that was changed to come in does not count.
    struct stat host;
    struct statx found;
    // Of regular files and folders.
    int fd = -1;
  };
  struct LinkGroup {
    std::string first_path;
    uint64_t names_left;
  };
  // The attributes that a file has on the host, as far as they are lxfs's.
  struct HostXattrs {
    bool supported = true;
    std::optional<std::string> record;
    // To be removed.
    std::vector<std::string> misplaced;
    bool has_capability = false;
  };

  bool IsKnown(const File& file);
  void LookAtOwner(File& file);
  absl::Status LookAtPlain(File& file);
  absl::Status LookAtOther(File& file);
  absl::StatusOr<UniqueFd> Open(File& file);
  absl::StatusOr<HostXattrs> XattrsOf(const File& file);
  std::optional<GuestAttributes> RecordOf(const File& file, const HostXattrs& xattrs, std::vector<std::string>& remove);
  absl::Status LookAtMode(const File& file, const HostXattrs& xattrs, const std::optional<GuestAttributes>& record);
  absl::Status StoreAgain(const File& file, const HostXattrs& xattrs, const GuestAttributes& guest);
  absl::Status RemoveXattrs(const File& file, const std::vector<std::string>& names);
  absl::Status ReplaceDevice(const File& file);
  std::optional<SideKey> KeyOf(const File& file) const;
  // A finding that `status` says was mended, or wasn't, when this is a repair.
  void Tell(const File& file, LxfsFindingKind kind, const std::string& what, const absl::Status& status,
            const std::string& done);

  const Settings settings_;
  const SideKeys& keys_;
  StoreCheck& store_;
  CheckFindings& findings_;
  // Device and inode.
  absl::flat_hash_map<std::pair<uint64_t, uint64_t>, LinkGroup> links_;
  // The mode of a folder before OpenUp, until it is looked at.
  std::optional<mode_t> opened_up_;
};

}  // namespace wslm

#endif  // WSLM_DISTROS_LXFS_FILE_CHECK_H_
