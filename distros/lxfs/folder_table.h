// The folders that a sink has made below its root: a tree of names in memory with a few open descriptors. Paths are
// resolved in it as a program in a chroot would, but no name from an archive reaches the kernel other than as one
// component under a held descriptor, opened without following links.
//
// Knows only folders made through it: whatever else lies under a name is a link or no folder. Not thread-safe.
#ifndef WSLM_DISTROS_LXFS_FOLDER_TABLE_H_
#define WSLM_DISTROS_LXFS_FOLDER_TABLE_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "distros/host/unique_fd.h"
#include "distros/tree/entry.h"

namespace wslm {

class FolderTable {
 public:
  using Id = uint32_t;
  static constexpr Id kRoot = 0;

  // A name in a folder; it may be there or not.
  struct Place {
    Id folder = kRoot;
    std::string name;
  };

  explicit FolderTable(UniqueFd root);

  // Where `path` (of an entry, not empty) lies. Links in its parents lead to places inside the root; parents that are
  // not there are made, 0755 root, when `make_parents`, else the answer is nullopt. Errors: CORRUPT_SOURCE when a
  // parent is no folder or the path isn't normalised, DISK_FULL, IO_ERROR.
  absl::StatusOr<std::optional<Place>> Resolve(std::string_view path, bool make_parents);

  // The folder at `place`, when one was made there.
  std::optional<Id> Find(const Place& place) const { return Find(place.folder, place.name); }
  // Makes one, mode 0700; nullopt: something has that name. Errors: DISK_FULL, IO_ERROR.
  absl::StatusOr<std::optional<Id>> Make(const Place& place);
  // The folder there, and what is below it, is gone.
  void Forget(const Place& place);

  // A descriptor of the folder, opened for reading. Valid until the next call but one.
  absl::StatusOr<int> Descriptor(Id folder);

  // What ApplyTimes gives it at last.
  void SetTimes(Id folder, Timestamp mtime, std::optional<Timestamp> atime);
  // Sets the times of all folders, those never told to the epoch.
  absl::Status ApplyTimes();

  // For messages, relative to the root.
  std::string PathOf(Id folder) const;

 private:
  static constexpr Id kNone = UINT32_MAX;
  static constexpr size_t kOpenFolders = 64;

  struct Folder {
    Id parent = kNone;
    Id first_child = kNone;
    Id next_sibling = kNone;
    Timestamp mtime;
    // As `mtime` when the source has none.
    Timestamp atime;
    // Empty when it is gone.
    std::string name;
  };
  // The name is the folder's own, which stays where it is as long as the folder is there.
  using Key = std::pair<Id, std::string_view>;
  struct OpenFolder {
    Id id;
    UniqueFd fd;
  };

  std::optional<Id> Find(Id parent, std::string_view name) const;
  absl::StatusOr<std::optional<Id>> Make(Id parent, const std::string& name);
  absl::StatusOr<std::optional<Id>> Enter(Id parent, const std::string& name, bool make, std::string& rest,
                                          int& links_followed, std::string_view path);
  absl::Status SetTimesOf(Id folder);

  std::deque<Folder> folders_;
  absl::flat_hash_map<Key, Id> by_name_;
  UniqueFd root_;
  // The one used last comes first.
  std::list<OpenFolder> open_;
  absl::flat_hash_map<Id, std::list<OpenFolder>::iterator> open_by_id_;
};

}  // namespace wslm

#endif  // WSLM_DISTROS_LXFS_FOLDER_TABLE_H_
