// The registry: data/distros/<uuid>/ for each distro, data/trash/ for deleted ones, and the SQLite index data/index.db
// with settings (the default distro) and the operations' journal. The folders are the truth; the index is rebuilt from
// them when it is lost or damaged. One process opens it (a lock file says so). Thread-safe.
//
// Staging: a new distro is made in StagingFolder(id), which no listing shows, and published by one rename. What a crash
// leaves in staging is removed by Open.
#ifndef WSLM_DISTROS_REGISTRY_REGISTRY_H_
#define WSLM_DISTROS_REGISTRY_REGISTRY_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "distros/registry/record.h"

namespace wslm {

struct RegistryEntry {
  DistroRecord record;
  // data/distros/<uuid>.
  std::string folder;
  // Not empty: the record can't be read, this is why, to follow "The distro 'x' can't be used: ". Of the record only id
  // and name are set; the name is the id where none is known.
  std::string broken_reason;
  // DISTRO_BROKEN for one that can't be used, else OK.
  absl::Status CheckUsable() const;
  // The folder with rootfs/ or disk.img.
  std::string files_folder() const { return record.location.empty() ? folder : record.location; }
  // Of version 2: the disk image.
  std::string image() const { return record.image_path.empty() ? files_folder() + "/disk.img" : record.image_path; }
};

struct TrashEntry {
  RegistryEntry entry;
  int64_t delete_time_ns = 0;
  int64_t purge_time_ns = 0;
};

// One operation in the journal. `body` is the daemon's serialised Operation.
struct JournalEntry {
  std::string id;
  std::string body;
  bool done = false;
};

// What wslm makes in a folder of the user's (record.location): these, and names that begin with kOwnPrefix (for forms
// that are being made).
inline constexpr const char* kOwnFiles[] = {"rootfs",          "metadata.db", "metadata.db-wal",
                                            "metadata.db-shm", "disk.img",    "distro.json"};
inline constexpr char kOwnPrefix[] = ".wslm-";

class Registry {
 public:
  // `data_folder` exists. Errors: UNAVAILABLE when another process has it open.
  static absl::StatusOr<std::unique_ptr<Registry>> Open(const std::string& data_folder);
  virtual ~Registry() = default;

  // The default first, then by name without case.
  virtual std::vector<RegistryEntry> List() const = 0;
  // By id or by name (without case); empty = the default. Errors: DISTRO_NOT_FOUND, NO_DEFAULT_DISTRO.
  virtual absl::StatusOr<RegistryEntry> Find(const std::string& id_or_name) const = 0;
  // Empty when there is none.
  virtual std::string default_id() const = 0;
  virtual absl::Status SetDefault(const std::string& id) = 0;

  // Makes the staging folder of a distro to be (mode 0700) and answers its path.
  virtual absl::StatusOr<std::string> MakeStaging(const std::string& id) = 0;
  // For a distro whose files shall lie in `location` (absolute): makes that folder if it isn't there, and remembers it
  // until Publish, so that RemoveStaging, or Open after a crash, removes from it what wslm made. True: the folder was
  // made; the record's `made_location` must say so. Errors: FILE_EXISTS when it holds anything or another distro is
  // being made there, INVALID_ARGUMENT.
  virtual absl::StatusOr<bool> StageLocation(const std::string& id, const std::string& location) = 0;
  virtual void RemoveStaging(const std::string& id) = 0;
  // Writes the record into the staging folder (and a copy into record.location), then publishes it. The first distro
  // becomes the default. Errors: DISTRO_EXISTS.
  virtual absl::Status Publish(const DistroRecord& record) = 0;
  // Writes a changed record; raises its revision. Errors: DISTRO_NOT_FOUND, DISTRO_EXISTS (a rename), DISTRO_BROKEN.
  virtual absl::StatusOr<RegistryEntry> Update(const DistroRecord& record) = 0;
  // Moves the folder to the trash; or away for good, which takes as long as its files are many. Works on a full disk.
  // What lies in record.location stays until it is purged, and then goes only as far as wslm made it. Another distro
  // becomes the default: the oldest left. Answers a sentence where the distro is gone but not all of its files, which
  // the next start removes; else nothing. Errors: DISTRO_NOT_FOUND, DISTRO_PROTECTED.
  virtual absl::StatusOr<std::string> Remove(const std::string& id, bool purge) = 0;

  virtual std::vector<TrashEntry> Trash() const = 0;
  // By id or name of a deleted distro (the last deleted of that name); `new_name` empty = its old one. Errors:
  // DISTRO_NOT_FOUND, DISTRO_EXISTS.
  virtual absl::StatusOr<RegistryEntry> Recover(const std::string& id_or_name, const std::string& new_name) = 0;
  // Removes for good what has been in the trash for 7 days.
  virtual void PurgeOldTrash() = 0;

  // The journal: all entries, the oldest first; of done ones the last 100 are kept.
  virtual std::vector<JournalEntry> Journal() const = 0;
  virtual absl::Status WriteJournal(const JournalEntry& entry) = 0;
};

}  // namespace wslm

#endif  // WSLM_DISTROS_REGISTRY_REGISTRY_H_
