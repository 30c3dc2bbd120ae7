// The SQLite file under a side store: opened, read whole, written in batches. Used by side_store.cc and
// the check alone. Not thread-safe.
#ifndef WSLM_DISTROS_LXFS_SIDE_DATABASE_H_
#define WSLM_DISTROS_LXFS_SIDE_DATABASE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "distros/lxfs/attributes.h"
#include "distros/lxfs/side_store.h"

struct sqlite3;
struct sqlite3_stmt;

namespace wslm {

// What is kept of a file, by its inode. Birth and generation, as in SideKey, tell whether it is still the same file.
struct SideRecord {
  int64_t birth_ns = 0;
  uint64_t generation = 0;
  GuestAttributes attributes;
};

// Extended attributes, likewise.
struct SideXattrs {
  int64_t birth_ns = 0;
  uint64_t generation = 0;
  GuestXattrs xattrs;
};

using SideRecords = absl::flat_hash_map<uint64_t, SideRecord>;
// nullopt: remove.
using SideChanges = absl::flat_hash_map<uint64_t, std::optional<SideRecord>>;
using SideXattrTable = absl::flat_hash_map<uint64_t, SideXattrs>;
using SideXattrChanges = absl::flat_hash_map<uint64_t, std::optional<SideXattrs>>;

class SideDatabase {
 public:
  enum class Access {
    kWrite,
    kRead,
    // Of a file system that is mounted read-only: no lock is taken, no log is looked at.
    kReadImmutable,
  };
  // Opens `path`; makes it for kWrite.
  static absl::StatusOr<std::unique_ptr<SideDatabase>> Open(const std::string& path, Access access);
  // As it can be read without changing anything that others see, but for the log of a killed process, which is taken
  // in; null when there is none. Error: IO_ERROR also when there is such a log and nothing may be written.
  static absl::StatusOr<std::unique_ptr<SideDatabase>> OpenToRead(const std::string& path);
  ~SideDatabase();
  SideDatabase(const SideDatabase&) = delete;
  SideDatabase& operator=(const SideDatabase&) = delete;

  absl::StatusOr<SideRecords> ReadAll();
  absl::StatusOr<SideXattrTable> ReadXattrs();
  // The root folder that the records are of, once SetRoot has told it.
  absl::StatusOr<std::optional<SideKey>> Root();
  absl::Status SetRoot(const SideKey& root);
  // All or none. Not on the disk before Sync.
  absl::Status Write(const SideChanges& changes, const SideXattrChanges& xattr_changes);
  absl::Status Sync();

  // What a check is after. Empty: SQLite finds the whole file in order; else the first that it complains of.
  absl::StatusOr<std::string> Damage();
  // The inodes of records whose values none of ours has.
  absl::StatusOr<std::vector<uint64_t>> ImpossibleRecords();
  // Whatever can still be read of a damaged one.
  SideRecords ReadWhatIsLeft();
  // A whole copy as `path`, which must not exist.
  absl::Status CopyTo(const std::string& path);

 private:
  class Statement;
  SideDatabase(sqlite3* database, std::string path);
  static SideRecord RecordOf(Statement& row);
  absl::Status Prepare(Access access);
  absl::Status Run(const char* sql);
  absl::Status WriteRows(const SideChanges& changes);
  absl::Status WriteXattrRows(const SideXattrChanges& changes);
  absl::StatusOr<bool> HasXattrTable();
  absl::Status LastError() const;

  sqlite3* database_;
  std::string path_;
  // Kept ready, from the first Write on.
  std::unique_ptr<Statement> put_, remove_;
};

}  // namespace wslm

#endif  // WSLM_DISTROS_LXFS_SIDE_DATABASE_H_
