// The side store's part of a check: which records and attributes have a file, and what becomes of those that have none.
// The store is locked while this lives.
#ifndef WSLM_DISTROS_LXFS_STORE_CHECK_H_
#define WSLM_DISTROS_LXFS_STORE_CHECK_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "distros/lxfs/attributes.h"
#include "distros/lxfs/check_findings.h"
#include "distros/lxfs/side_database.h"
#include "distros/lxfs/side_key.h"

namespace wslm {

// Not thread-safe.
class StoreCheck {
 public:
  // Of FOLDER/metadata.db; `root` is what names FOLDER/rootfs. Errors: as CheckLxfs.
  static absl::StatusOr<std::unique_ptr<StoreCheck>> Open(const std::string& folder, const SideKey& root, bool repair,
                                                          CheckFindings& findings);

  // Whether something is kept under the file's number at all.
  bool Knows(uint64_t inode) const { return records_.contains(inode) || xattrs_.contains(inode); }
  // The file's record; it and the file's attributes are known to have a file from now on. In a tree that is another,
  // only a file that was the same before has one.
  std::optional<GuestAttributes> Find(const SideKey& key);
  // A special file has no record. In a tree that is another, one of the devices that every Linux has is told by its
  // name.
  void NoteUnrecorded(const SideKey& key, std::string_view path);

  // With repair, at Finish; else nothing.
  void Remove(const SideKey& key);
  // At once, to the disk.
  absl::Status PutNow(const SideKey& key, const GuestAttributes& attributes);

  // After the last file: tells of what has no file, and with repair writes all changes. `complete`: all were seen.
  absl::Status Finish(bool complete);

 private:
  struct Unrecorded {
    SideKey key;
    std::string path;
  };

  StoreCheck(std::string folder, const SideKey& root, bool repair, CheckFindings& findings);
  absl::Status Load();
  absl::Status LoadSound();
  absl::Status Salvage(const std::string& damage);
  absl::Status Rebuild();
  void TellOrphans();
  void TellLost();
  void TellDevicesByName();
  absl::Status WriteChanges();
  // The store is saved beside, or made when there is none; then it may be changed.
  absl::Status Prepare();
  std::string NameBeside() const;

  const std::string folder_, path_;
  const SideKey root_;
  const bool repair_;
  CheckFindings& findings_;
  // Null when there is none, or none that can be read.
  std::unique_ptr<SideDatabase> database_;
  bool other_tree_ = false;
  SideRecords records_;
  SideXattrTable xattrs_;
  // Those with a file.
  absl::flat_hash_set<uint64_t> used_records_, used_xattrs_;
  std::vector<Unrecorded> unrecorded_;
  SideChanges changes_;
  SideXattrChanges xattr_changes_;
};

}  // namespace wslm

#endif  // WSLM_DISTROS_LXFS_STORE_CHECK_H_
