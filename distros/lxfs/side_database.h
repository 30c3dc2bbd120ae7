// The SQLite file under a side store: opened, read whole, written in batches. Used by side_store.cc alone. Not
// thread-safe.
#ifndef WSLM_DISTROS_LXFS_SIDE_DATABASE_H_
#define WSLM_DISTROS_LXFS_SIDE_DATABASE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "distros/lxfs/attributes.h"

struct sqlite3;
struct sqlite3_stmt;

namespace wslm {

// Of a file on the store's own file system: as SideKey.
struct SideRow {
  uint64_t inode = 0;
  int64_t birth_ns = 0;
  uint64_t generation = 0;
  friend bool operator==(const SideRow&, const SideRow&) = default;
  template <typename H>
  friend H AbslHashValue(H state, const SideRow& row) {
    return H::combine(std::move(state), row.inode, row.birth_ns, row.generation);
  }
};

using SideRecords = absl::flat_hash_map<SideRow, GuestAttributes>;
// nullopt: remove.
using SideChanges = absl::flat_hash_map<SideRow, std::optional<GuestAttributes>>;

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
  ~SideDatabase();
  SideDatabase(const SideDatabase&) = delete;
  SideDatabase& operator=(const SideDatabase&) = delete;

  absl::StatusOr<SideRecords> ReadAll();
  // The root folder that the records are of, once SetRoot has told it.
  absl::StatusOr<std::optional<SideRow>> Root();
  absl::Status SetRoot(const SideRow& root);
  // All or none. Not on the disk before Sync.
  absl::Status Write(const SideChanges& changes);
  absl::Status Sync();

 private:
  class Statement;
  static SideRow RowOf(Statement& statement);
  static void BindRow(Statement& statement, const SideRow& row);
  SideDatabase(sqlite3* database, std::string path) : database_(database), path_(std::move(path)) {}
  absl::Status Prepare(Access access);
  absl::Status Run(const char* sql);
  absl::Status WriteRows(const SideChanges& changes);
  absl::Status LastError() const;

  sqlite3* database_;
  std::string path_;
};

}  // namespace wslm

#endif  // WSLM_DISTROS_LXFS_SIDE_DATABASE_H_
