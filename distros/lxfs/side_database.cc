#include "distros/lxfs/side_database.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <string_view>
#include <utility>

#include "distros/host/error.h"
#include "distros/host/files.h"
#include "distros/host/status_macros.h"

namespace wslm {
namespace {

constexpr int kVersion = 1;
constexpr int kBusyMilliseconds = 2000;

// 'WSLM', so that file(1) and a curious person can tell what it is.
constexpr char kSchema[] =
    "PRAGMA application_id = 0x57534c4d;"
    "CREATE TABLE IF NOT EXISTS record (inode INTEGER PRIMARY KEY, birth_ns INTEGER NOT NULL, generation INTEGER NOT "
    "NULL,"
    " mode INTEGER NOT NULL, uid INTEGER NOT NULL, gid INTEGER NOT NULL, rdev INTEGER NOT NULL);"
    "CREATE TABLE IF NOT EXISTS root (only_row INTEGER PRIMARY KEY CHECK (only_row = 1), inode INTEGER NOT NULL,"
    " birth_ns INTEGER NOT NULL, generation INTEGER NOT NULL);"
    "PRAGMA user_version = 1;";

// Made when it is first needed: older versions know nothing of it, and leave it alone.
constexpr char kXattrSchema[] =
    "CREATE TABLE IF NOT EXISTS xattr (inode INTEGER NOT NULL, birth_ns INTEGER NOT NULL, generation INTEGER NOT NULL,"
    " name BLOB NOT NULL, value BLOB NOT NULL, PRIMARY KEY (inode, name))";

// SQLite takes a URI for the immutable flag; these have a meaning in one.
std::string UriOf(const std::string& path) {
  std::string uri = "file:";
  for (const char c : path) {
    if (c == '%') {
      uri += "%25";
    } else if (c == '?') {
      uri += "%3f";
    } else if (c == '#') {
      uri += "%23";
    } else {
      uri += c;
    }
  }
  return uri + "?immutable=1";
}

// SQLite's integers are signed: the bits are kept.
sqlite3_int64 Signed(uint64_t value) { return static_cast<sqlite3_int64>(value); }

}  // namespace

// A prepared statement that finalises itself.
class SideDatabase::Statement {
 public:
  Statement(sqlite3* database, std::string_view sql) {
    ok_ = sqlite3_prepare_v2(database, sql.data(), static_cast<int>(sql.size()), &statement_, nullptr) == SQLITE_OK;
  }
  ~Statement() { sqlite3_finalize(statement_); }
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  explicit operator bool() const { return ok_; }
  void Bind(int parameter, sqlite3_int64 value) { sqlite3_bind_int64(statement_, parameter, value); }
  // `bytes` live until Execute is done.
  void Bind(int parameter, std::string_view bytes) {
    sqlite3_bind_blob64(statement_, parameter, bytes.empty() ? "" : bytes.data(), bytes.size(), SQLITE_STATIC);
  }
  void BindText(int parameter, const std::string& text) {
    sqlite3_bind_text(statement_, parameter, text.data(), static_cast<int>(text.size()), SQLITE_STATIC);
  }
  sqlite3_int64 Column(int column) { return sqlite3_column_int64(statement_, column); }
  std::string BytesOfColumn(int column) {
    const auto* bytes = static_cast<const char*>(sqlite3_column_blob(statement_, column));
    return bytes == nullptr ? "" : std::string(bytes, static_cast<size_t>(sqlite3_column_bytes(statement_, column)));
  }
  int Step() { return sqlite3_step(statement_); }
  // A statement that gives no rows, run once; ready for the next.
  bool Execute() {
    sqlite3_step(statement_);
    return sqlite3_reset(statement_) == SQLITE_OK;
  }

 private:
  sqlite3_stmt* statement_ = nullptr;
  bool ok_;
};

absl::StatusOr<std::unique_ptr<SideDatabase>> SideDatabase::Open(const std::string& path, Access access) {
  // A log that a killed process left is taken in by whoever opens next, so reading, too, needs the right to write.
  const int flags = access == Access::kReadImmutable ? SQLITE_OPEN_READONLY | SQLITE_OPEN_URI
                    : access == Access::kRead        ? SQLITE_OPEN_READWRITE
                                                     : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
  sqlite3* handle = nullptr;
  const int result = sqlite3_open_v2(access == Access::kReadImmutable ? UriOf(path).c_str() : path.c_str(), &handle,
                                     flags | SQLITE_OPEN_FULLMUTEX, nullptr);
  if (handle == nullptr) return ErrnoError("cannot open", path, ENOMEM);
  std::unique_ptr<SideDatabase> database(new SideDatabase(handle, path));
  if (result != SQLITE_OK) return database->LastError();
  RETURN_IF_ERROR(database->Prepare(access));
  return database;
}

absl::StatusOr<std::unique_ptr<SideDatabase>> SideDatabase::OpenToRead(const std::string& path) {
  if (faccessat(AT_FDCWD, path.c_str(), F_OK, AT_EACCESS) != 0) {
    if (errno == ENOENT) return nullptr;
    return ErrnoError("cannot look at", path);
  }
  if (faccessat(AT_FDCWD, path.c_str(), W_OK, AT_EACCESS) == 0 &&
      faccessat(AT_FDCWD, ParentPath(path).c_str(), W_OK, AT_EACCESS) == 0) {
    return Open(path, Access::kRead);
  }
  struct stat log;
  if (lstat((path + "-wal").c_str(), &log) == 0 && log.st_size > 0) {
    return Error(absl::StatusCode::kFailedPrecondition, reason::kIoError,
                 "The distro was not stopped in order, and " + Escaped(path) +
                     " can't be brought up to date where it can only be read. Make its folder writable once.");
  }
  return Open(path, Access::kReadImmutable);
}

SideDatabase::SideDatabase(sqlite3* database, std::string path) : database_(database), path_(std::move(path)) {}

SideDatabase::~SideDatabase() {
  put_.reset();
  remove_.reset();
  sqlite3_close_v2(database_);
}

absl::Status SideDatabase::Prepare(Access access) {
  sqlite3_busy_timeout(database_, kBusyMilliseconds);
  // One process at a time, no shared-memory file, and every file stays open: nothing is looked up by name again, so
  // that the process may change its root.
  RETURN_IF_ERROR(Run("PRAGMA locking_mode = EXCLUSIVE; PRAGMA temp_store = MEMORY; PRAGMA synchronous = NORMAL;"));
  if (access == Access::kWrite) RETURN_IF_ERROR(Run("PRAGMA journal_mode = WAL;"));
  int version = 0;
  {
    Statement statement(database_, "PRAGMA user_version");
    if (!statement || statement.Step() != SQLITE_ROW) return LastError();
    version = static_cast<int>(statement.Column(0));
  }
  if (version > kVersion) {
    return Error(absl::StatusCode::kFailedPrecondition, reason::kDistroBroken,
                 Escaped(path_) + " was written by a newer wslm. Install that version, or a later one.");
  }
  if (access != Access::kWrite || version == kVersion) return absl::OkStatus();
  return Run(kSchema);
}

namespace {

constexpr char kSelectRecords[] = "SELECT inode, birth_ns, generation, mode, uid, gid, rdev FROM record";

}  // namespace

// A row of kSelectRecords.
SideRecord SideDatabase::RecordOf(Statement& row) {
  return {.birth_ns = row.Column(1),
          .generation = static_cast<uint64_t>(row.Column(2)),
          .attributes = {.mode = static_cast<uint32_t>(row.Column(3)),
                         .uid = static_cast<uint32_t>(row.Column(4)),
                         .gid = static_cast<uint32_t>(row.Column(5)),
                         .rdev = static_cast<uint64_t>(row.Column(6))}};
}

absl::StatusOr<SideRecords> SideDatabase::ReadAll() {
  SideRecords records;
  Statement statement(database_, kSelectRecords);
  if (!statement) return LastError();
  int step;
  while ((step = statement.Step()) == SQLITE_ROW) {
    records[static_cast<uint64_t>(statement.Column(0))] = RecordOf(statement);
  }
  if (step != SQLITE_DONE) return LastError();
  return records;
}

SideRecords SideDatabase::ReadWhatIsLeft() {
  SideRecords records;
  // From both ends to where it is damaged.
  for (const char* order : {" ORDER BY inode", " ORDER BY inode DESC"}) {
    Statement statement(database_, std::string(kSelectRecords) + order);
    if (!statement) break;
    while (statement.Step() == SQLITE_ROW) {
      records.emplace(static_cast<uint64_t>(statement.Column(0)), RecordOf(statement));
    }
  }
  return records;
}

absl::StatusOr<bool> SideDatabase::HasXattrTable() {
  Statement statement(database_, "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'xattr'");
  if (!statement) return LastError();
  const int step = statement.Step();
  if (step != SQLITE_ROW && step != SQLITE_DONE) return LastError();
  return step == SQLITE_ROW;
}

absl::StatusOr<SideXattrTable> SideDatabase::ReadXattrs() {
  SideXattrTable table;
  ASSIGN_OR_RETURN(const bool has_table, HasXattrTable());
  if (!has_table) return table;
  Statement statement(database_, "SELECT inode, birth_ns, generation, name, value FROM xattr");
  if (!statement) return LastError();
  int step;
  while ((step = statement.Step()) == SQLITE_ROW) {
    SideXattrs& found = table[static_cast<uint64_t>(statement.Column(0))];
    found.birth_ns = statement.Column(1);
    found.generation = static_cast<uint64_t>(statement.Column(2));
    found.xattrs[statement.BytesOfColumn(3)] = statement.BytesOfColumn(4);
  }
  if (step != SQLITE_DONE) return LastError();
  return table;
}

absl::StatusOr<std::string> SideDatabase::Damage() {
  Statement statement(database_, "PRAGMA integrity_check(1)");
  if (!statement || statement.Step() != SQLITE_ROW) {
    const absl::Status status = LastError();
    if (ReasonOf(status) == reason::kDistroBroken) return std::string(sqlite3_errmsg(database_));
    return status;
  }
  const std::string answer = statement.BytesOfColumn(0);
  return answer == "ok" ? "" : answer;
}

absl::StatusOr<std::vector<uint64_t>> SideDatabase::ImpossibleRecords() {
  Statement statement(database_,
                      "SELECT inode FROM record WHERE typeof(mode) <> 'integer' OR typeof(uid) <> 'integer'"
                      " OR typeof(gid) <> 'integer' OR typeof(rdev) <> 'integer' OR typeof(birth_ns) <> 'integer'"
                      " OR typeof(generation) <> 'integer' OR mode NOT BETWEEN 0 AND 65535"
                      " OR uid NOT BETWEEN 0 AND 4294967295 OR gid NOT BETWEEN 0 AND 4294967295"
                      // The type, as S_IFMT has it.
                      " OR (mode >> 12) NOT IN (1, 2, 4, 6, 8, 10, 12)");
  if (!statement) return LastError();
  std::vector<uint64_t> inodes;
  int step;
  while ((step = statement.Step()) == SQLITE_ROW) inodes.push_back(static_cast<uint64_t>(statement.Column(0)));
  if (step != SQLITE_DONE) return LastError();
  return inodes;
}

absl::Status SideDatabase::CopyTo(const std::string& path) {
  Statement statement(database_, "VACUUM INTO ?");
  if (!statement) return LastError();
  statement.BindText(1, path);
  return statement.Execute() ? absl::OkStatus() : LastError();
}

absl::StatusOr<std::optional<SideKey>> SideDatabase::Root() {
  Statement statement(database_, "SELECT inode, birth_ns, generation FROM root");
  if (!statement) return LastError();
  const int step = statement.Step();
  if (step == SQLITE_DONE) return std::nullopt;
  if (step != SQLITE_ROW) return LastError();
  return SideKey{.inode = static_cast<uint64_t>(statement.Column(0)),
                 .birth_ns = statement.Column(1),
                 .generation = static_cast<uint64_t>(statement.Column(2))};
}

absl::Status SideDatabase::SetRoot(const SideKey& root) {
  Statement statement(database_, "INSERT OR REPLACE INTO root VALUES (1, ?, ?, ?)");
  if (!statement) return LastError();
  statement.Bind(1, Signed(root.inode));
  statement.Bind(2, root.birth_ns);
  statement.Bind(3, Signed(root.generation));
  return statement.Execute() ? absl::OkStatus() : LastError();
}

absl::Status SideDatabase::Write(const SideChanges& changes, const SideXattrChanges& xattr_changes) {
  // One statement is a transaction by itself.
  if (changes.size() == 1 && xattr_changes.empty()) return WriteRows(changes);
  RETURN_IF_ERROR(Run("BEGIN IMMEDIATE"));
  absl::Status status = WriteRows(changes);
  if (status.ok() && !xattr_changes.empty()) status = WriteXattrRows(xattr_changes);
  if (status.ok()) status = Run("COMMIT");
  // A full disk has rolled it back already; then there is nothing to roll back, which is no error of ours.
  if (!status.ok() && sqlite3_get_autocommit(database_) == 0)
    sqlite3_exec(database_, "ROLLBACK", nullptr, nullptr, nullptr);
  return status;
}

absl::Status SideDatabase::WriteRows(const SideChanges& changes) {
  if (put_ == nullptr) {
    auto put = std::make_unique<Statement>(database_, "INSERT OR REPLACE INTO record VALUES (?, ?, ?, ?, ?, ?, ?)");
    auto remove = std::make_unique<Statement>(database_, "DELETE FROM record WHERE inode = ?");
    if (!*put || !*remove) return LastError();
    put_ = std::move(put);
    remove_ = std::move(remove);
  }
  for (const auto& [inode, record] : changes) {
    Statement& statement = record ? *put_ : *remove_;
    statement.Bind(1, Signed(inode));
    if (record) {
      statement.Bind(2, record->birth_ns);
      statement.Bind(3, Signed(record->generation));
      statement.Bind(4, record->attributes.mode);
      statement.Bind(5, record->attributes.uid);
      statement.Bind(6, record->attributes.gid);
      statement.Bind(7, Signed(record->attributes.rdev));
    }
    if (!statement.Execute()) return LastError();
  }
  return absl::OkStatus();
}

absl::Status SideDatabase::WriteXattrRows(const SideXattrChanges& changes) {
  RETURN_IF_ERROR(Run(kXattrSchema));
  Statement remove(database_, "DELETE FROM xattr WHERE inode = ?");
  Statement put(database_, "INSERT INTO xattr VALUES (?, ?, ?, ?, ?)");
  if (!remove || !put) return LastError();
  for (const auto& [inode, kept] : changes) {
    remove.Bind(1, Signed(inode));
    if (!remove.Execute()) return LastError();
    if (!kept) continue;
    for (const auto& [name, value] : kept->xattrs) {
      put.Bind(1, Signed(inode));
      put.Bind(2, static_cast<sqlite3_int64>(kept->birth_ns));
      put.Bind(3, Signed(kept->generation));
      put.Bind(4, std::string_view(name));
      put.Bind(5, std::string_view(value));
      if (!put.Execute()) return LastError();
    }
  }
  return absl::OkStatus();
}

absl::Status SideDatabase::Sync() {
  // The log is synced, taken over into the file, which is synced too, and emptied.
  return Run("PRAGMA wal_checkpoint(TRUNCATE)");
}

absl::Status SideDatabase::Run(const char* sql) {
  if (sqlite3_exec(database_, sql, nullptr, nullptr, nullptr) == SQLITE_OK) return absl::OkStatus();
  return LastError();
}

absl::Status SideDatabase::LastError() const {
  const int system_error = sqlite3_system_errno(database_);
  switch (sqlite3_errcode(database_)) {
    case SQLITE_FULL:
      return ErrnoError("cannot write", path_, ENOSPC);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return Error(absl::StatusCode::kFailedPrecondition, reason::kDistroRunning,
                   Escaped(path_) + " is in use: the distro runs, or is being worked on.");
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_ERROR:
      return Error(absl::StatusCode::kDataLoss, reason::kDistroBroken,
                   Escaped(path_) + " is damaged (" + sqlite3_errmsg(database_) +
                       "): it holds the owners and device numbers of the distro's special files. Restore it, or import "
                       "the distro again.");
    default:
      break;
  }
  if (system_error != 0) return ErrnoError("cannot use", path_, system_error);
  return Error(absl::StatusCode::kInternal, reason::kIoError,
               "cannot use " + Escaped(path_) + ": " + sqlite3_errmsg(database_) + ".");
}

}  // namespace wslm
