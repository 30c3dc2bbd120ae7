// The SQLite file beside the distros' folders: settings and the operations' journal. Everything in it but the journal
// can be made anew, so a damaged file is set aside (index.db.damaged) and begun anew. Not thread-safe.
#ifndef WSLM_DISTROS_REGISTRY_INDEX_H_
#define WSLM_DISTROS_REGISTRY_INDEX_H_

#include <sqlite3.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "distros/registry/registry.h"

namespace wslm {

class Index {
 public:
  // The caller holds the lock of `data_folder`. Errors: DISK_FULL, IO_ERROR.
  static absl::StatusOr<std::unique_ptr<Index>> Open(const std::string& data_folder);

  // Empty when never written.
  std::string Setting(const std::string& key) const;
  absl::Status SetSetting(const std::string& key, const std::string& value);

  // The distros' names by id as they were last known: for those whose record is broken.
  std::map<std::string, std::string> Names() const;
  absl::Status SetNames(const std::map<std::string, std::string>& names);

  std::vector<JournalEntry> Journal() const;
  // Of done ones the last 100 stay.
  absl::Status WriteJournal(const JournalEntry& entry);

 private:
  struct Close {
    void operator()(sqlite3* database) const { sqlite3_close(database); }
  };
  using Database = std::unique_ptr<sqlite3, Close>;

  Index(std::string data_folder, Database database);
  // SQLITE_OK: it is open and sound.
  static int OpenFile(const std::string& path, Database& database);
  int Run(const char* sql) const;
  // Runs `write` (which answers a result of SQLite's) as one transaction, a second time after room was made if the disk
  // was full.
  template <typename Write>
  absl::Status Transaction(Write write);

  const std::string data_folder_;
  Database database_;
};

}  // namespace wslm

#endif  // WSLM_DISTROS_REGISTRY_INDEX_H_
