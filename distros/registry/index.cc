#include "distros/registry/index.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <utility>

#include "absl/strings/str_cat.h"
#include "distros/host/error.h"
#include "distros/host/failpoint.h"
#include "distros/host/files.h"
#include "distros/host/status_macros.h"
#include "distros/host/unique_fd.h"

namespace wslm {
namespace {

// A file that is given up when the disk is full, so that a deletion can still be written down.
constexpr char kReserve[] = "/.reserve";
constexpr off_t kReserveSize = 256 << 10;

// Raised when an older wslm would misread the file.
constexpr char kSchema[] =
    "CREATE TABLE IF NOT EXISTS settings (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS names (id TEXT PRIMARY KEY, name TEXT NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS journal (sequence INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE,"
    "  body BLOB NOT NULL, done INTEGER NOT NULL);"
    "PRAGMA user_version = 1;";

constexpr char kReadSetting[] = "SELECT value FROM settings WHERE key = ?";
constexpr char kWriteSetting[] = "INSERT OR REPLACE INTO settings VALUES (?, ?)";
constexpr char kReadNames[] = "SELECT id, name FROM names";
constexpr char kRemoveNames[] = "DELETE FROM names";
constexpr char kWriteName[] = "INSERT INTO names VALUES (?, ?)";
constexpr char kReadJournal[] = "SELECT id, body, done FROM journal ORDER BY sequence";
constexpr char kWriteJournal[] =
    "INSERT INTO journal (id, body, done) VALUES (?, ?, ?)"
    " ON CONFLICT (id) DO UPDATE SET body = excluded.body, done = excluded.done";
constexpr char kTrimJournal[] =
    "DELETE FROM journal WHERE done = 1 AND sequence NOT IN"
    " (SELECT sequence FROM journal WHERE done = 1 ORDER BY sequence DESC LIMIT 100)";
constexpr const char* kAllStatements[] = {kReadSetting, kWriteSetting, kReadNames,    kRemoveNames,
                                          kWriteName,   kReadJournal,  kWriteJournal, kTrimJournal};

class Statement {
 public:
  Statement(sqlite3* database, const char* sql) {
    result_ = sqlite3_prepare_v2(database, sql, -1, &statement_, nullptr);
  }
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;
  ~Statement() { sqlite3_finalize(statement_); }

  Statement& Bind(const std::string& text) {
    return Note(sqlite3_bind_text(statement_, ++bound_, text.data(), static_cast<int>(text.size()), SQLITE_TRANSIENT));
  }
  Statement& BindBlob(const std::string& bytes) {
    return Note(
        sqlite3_bind_blob(statement_, ++bound_, bytes.data(), static_cast<int>(bytes.size()), SQLITE_TRANSIENT));
  }
  Statement& Bind(bool value) { return Note(sqlite3_bind_int(statement_, ++bound_, value ? 1 : 0)); }

  // Of SQLite: whether all went well so far.
  int result() const { return result_; }
  // True: there is a row.
  bool Next() {
    if (result_ != SQLITE_OK) return false;
    const int step = sqlite3_step(statement_);
    if (step != SQLITE_ROW && step != SQLITE_DONE) result_ = step;
    return step == SQLITE_ROW;
  }
  // Runs a statement without rows.
  int Run() {
    while (Next()) {
    }
    return result_;
  }
  std::string Column(int column) const {
    const void* bytes = sqlite3_column_blob(statement_, column);
    const int size = sqlite3_column_bytes(statement_, column);
    return bytes == nullptr ? "" : std::string(static_cast<const char*>(bytes), static_cast<size_t>(size));
  }
  bool Flag(int column) const { return sqlite3_column_int(statement_, column) != 0; }

 private:
  Statement& Note(int result) {
    if (result_ == SQLITE_OK) result_ = result;
    return *this;
  }

  sqlite3_stmt* statement_ = nullptr;
  int result_ = SQLITE_OK;
  int bound_ = 0;
};

bool IsDamage(int result, const std::string& path) {
  const int primary = result & 0xFF;
  // SQLite takes a file whose header names a format of the future for one that is only to be read.
  if (primary == SQLITE_READONLY) return ::access(path.c_str(), W_OK) == 0;
  return primary == SQLITE_CORRUPT || primary == SQLITE_NOTADB || primary == SQLITE_ERROR ||
         primary == SQLITE_MISMATCH || primary == SQLITE_FORMAT || primary == SQLITE_SCHEMA;
}

bool IsFull(sqlite3* database, int result) {
  const int primary = result & 0xFF;
  if (primary == SQLITE_FULL) return true;
  if (primary != SQLITE_IOERR && primary != SQLITE_CANTOPEN) return false;
  const int error = sqlite3_system_errno(database);
  return error == ENOSPC || error == EDQUOT;
}

absl::Status Failure(const std::string& path, sqlite3* database, int result) {
  if (IsFull(database, result)) return ErrnoError("cannot write", path, ENOSPC);
  return Error(absl::StatusCode::kInternal, reason::kIoError,
               absl::StrCat("The registry's file ", Escaped(path), " can't be used: ", sqlite3_errstr(result), "."),
               {{"path", path}});
}

void MakeReserve(const std::string& path) {
  const UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  // Only real blocks help later. Without room for them there is no reserve, which is no reason to fail.
  if (fd && ::posix_fallocate(fd.get(), 0, kReserveSize) != 0) ::unlink(path.c_str());
}

}  // namespace

Index::Index(std::string data_folder, Database database)
    : data_folder_(std::move(data_folder)), database_(std::move(database)) {}

int Index::OpenFile(const std::string& path, Database& database) {
  sqlite3* raw = nullptr;
  int result = sqlite3_open_v2(path.c_str(), &raw, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, nullptr);
  database.reset(raw);
  if (result != SQLITE_OK) return result;
  sqlite3_extended_result_codes(raw, 1);
  // EXCLUSIVE: only this process opens it, and WAL then needs no shared-memory file, which a full disk would refuse.
  // FULL: what the journal says was written before the work begins.
  result = sqlite3_exec(raw, "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;",
                        nullptr, nullptr, nullptr);
  if (result != SQLITE_OK) return result;
  Statement check(raw, "PRAGMA quick_check(1)");
  if (!check.Next() || check.Column(0) != "ok") {
    const int problem = check.Run();
    return problem == SQLITE_OK ? SQLITE_CORRUPT : problem;
  }
  Statement version(raw, "PRAGMA user_version");
  if (!version.Next() || version.Column(0) != "1") {
    result = sqlite3_exec(raw, kSchema, nullptr, nullptr, nullptr);
    if (result != SQLITE_OK) return result;
  }
  // A sound file may have other tables than these, or none.
  for (const char* sql : kAllStatements) {
    if (Statement statement(raw, sql); statement.result() != SQLITE_OK) return statement.result();
  }
  // It would be found at the first write only.
  return sqlite3_db_readonly(raw, "main") == 0 ? SQLITE_OK : SQLITE_READONLY;
}

absl::StatusOr<std::unique_ptr<Index>> Index::Open(const std::string& data_folder) {
  const std::string path = data_folder + "/index.db";
  const std::string reserve = data_folder + kReserve;
  Database database;
  int result = OpenFile(path, database);
  if (result != SQLITE_OK && IsFull(database.get(), result) && ::unlink(reserve.c_str()) == 0) {
    database.reset();
    result = OpenFile(path, database);
  }
  if (result != SQLITE_OK && IsDamage(result, path)) {
    database.reset();
    const std::string aside = path + ".damaged";
    for (const char* suffix : {"", "-wal", "-shm"}) {
      ::unlink((aside + suffix).c_str());
      if (::rename((path + suffix).c_str(), (aside + suffix).c_str()) != 0 && errno != ENOENT) {
        return ErrnoError("cannot set aside the damaged file", path);
      }
    }
    result = OpenFile(path, database);
  }
  if (result != SQLITE_OK) return Failure(path, database.get(), result);
  MakeReserve(reserve);
  return std::unique_ptr<Index>(new Index(data_folder, std::move(database)));
}

int Index::Run(const char* sql) const { return sqlite3_exec(database_.get(), sql, nullptr, nullptr, nullptr); }

template <typename Write>
absl::Status Index::Transaction(Write write) {
  const auto attempt = [&]() -> int {
    int result = Run("BEGIN IMMEDIATE");
    if (result == SQLITE_OK) result = write();
    if (result == SQLITE_OK) result = Run("COMMIT");
    return result;
  };
  int result = attempt();
  const bool full = result != SQLITE_OK && IsFull(database_.get(), result);
  if (result != SQLITE_OK && !sqlite3_get_autocommit(database_.get())) Run("ROLLBACK");
  const std::string reserve = data_folder_ + kReserve;
  if (full && ::unlink(reserve.c_str()) == 0) {
    result = attempt();
    if (result != SQLITE_OK && !sqlite3_get_autocommit(database_.get())) Run("ROLLBACK");
  }
  if (result != SQLITE_OK) return Failure(data_folder_ + "/index.db", database_.get(), full ? SQLITE_FULL : result);
  return absl::OkStatus();
}

std::string Index::Setting(const std::string& key) const {
  Statement statement(database_.get(), kReadSetting);
  return statement.Bind(key).Next() ? statement.Column(0) : "";
}

absl::Status Index::SetSetting(const std::string& key, const std::string& value) {
  return Transaction([&] { return Statement(database_.get(), kWriteSetting).Bind(key).Bind(value).Run(); });
}

std::map<std::string, std::string> Index::Names() const {
  std::map<std::string, std::string> names;
  Statement statement(database_.get(), kReadNames);
  while (statement.Next()) names.emplace(statement.Column(0), statement.Column(1));
  return names;
}

absl::Status Index::SetNames(const std::map<std::string, std::string>& names) {
  return Transaction([&] {
    int result = Run(kRemoveNames);
    for (const auto& [id, name] : names) {
      if (result != SQLITE_OK) break;
      result = Statement(database_.get(), kWriteName).Bind(id).Bind(name).Run();
    }
    return result;
  });
}

std::vector<JournalEntry> Index::Journal() const {
  std::vector<JournalEntry> entries;
  Statement statement(database_.get(), kReadJournal);
  while (statement.Next()) entries.push_back({statement.Column(0), statement.Column(1), statement.Flag(2)});
  return entries;
}

absl::Status Index::WriteJournal(const JournalEntry& entry) {
  RETURN_IF_ERROR(Failpoint("journal.write"));
  return Transaction([&] {
    Statement write(database_.get(), kWriteJournal);
    const int result = write.Bind(entry.id).BindBlob(entry.body).Bind(entry.done).Run();
    return result == SQLITE_OK && entry.done ? Run(kTrimJournal) : result;
  });
}

}  // namespace wslm
