#include "distros/registry/registry.h"

#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <map>
#include <mutex>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "distros/host/error.h"
#include "distros/host/files.h"
#include "distros/host/status_macros.h"
#include "distros/host/unique_fd.h"
#include "distros/registry/distro_folders.h"
#include "distros/registry/index.h"

namespace wslm {
namespace {

constexpr char kDefaultSetting[] = "default_distro";

int64_t NowNs() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

// Names one that could not be read: as it was called before, else by its id.
void Name(DistroRecord& record, const std::map<std::string, std::string>& names_by_id) {
  if (!record.name.empty()) return;
  const auto name = names_by_id.find(record.id);
  record.name = name == names_by_id.end() ? record.id : name->second;
}

absl::Status NotFound(const std::string& id_or_name, const char* where) {
  return Error(absl::StatusCode::kNotFound, reason::kDistroNotFound,
               absl::StrCat("There is no distro called '", Escaped(id_or_name), "'", where), {{"distro", id_or_name}});
}

absl::Status NotRegistered(const std::string& id_or_name) {
  return NotFound(id_or_name, ". 'wslm list' shows those there are.");
}

absl::StatusOr<UniqueFd> LockFolder(const std::string& data_folder) {
  const std::string path = data_folder + "/lock";
  ASSIGN_OR_RETURN(UniqueFd lock, OpenFile(path, O_RDWR | O_CREAT | O_NOFOLLOW));
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) == 0) return lock;
  if (errno != EWOULDBLOCK) return ErrnoError("cannot lock", path);
  return Error(absl::StatusCode::kUnavailable, reason::kIoError,
               absl::StrCat("Another wslm daemon works on ", Escaped(data_folder), " already."), {{"path", path}});
}

class FolderRegistry : public Registry {
 public:
  FolderRegistry(UniqueFd lock, DistroFolders folders, std::unique_ptr<Index> index)
      : lock_(std::move(lock)), folders_(std::move(folders)), index_(std::move(index)) {
    const std::map<std::string, std::string> names = index_->Names();
    for (RegistryEntry& entry : folders_.ReadAll()) {
      Name(entry.record, names);
      folders_.RemoveClaim(entry.record);
      distros_.emplace(entry.record.id, std::move(entry));
    }
    default_id_ = index_->Setting(kDefaultSetting);
    if (distros_.count(default_id_) == 0) default_id_ = Oldest();
    RememberNames();
  }

  std::vector<RegistryEntry> List() const override {
    const std::lock_guard lock(mutex_);
    std::vector<RegistryEntry> entries;
    for (const auto& [id, entry] : distros_) entries.push_back(entry);
    std::sort(entries.begin(), entries.end(), [this](const RegistryEntry& a, const RegistryEntry& b) {
      const auto rank = [this](const RegistryEntry& entry) {
        return std::make_tuple(entry.record.id != default_id_, absl::AsciiStrToLower(entry.record.name),
                               entry.record.id);
      };
      return rank(a) < rank(b);
    });
    return entries;
  }

  absl::StatusOr<RegistryEntry> Find(const std::string& id_or_name) const override {
    const std::lock_guard lock(mutex_);
    if (id_or_name.empty()) {
      if (!default_id_.empty()) return distros_.at(default_id_);
      return Error(absl::StatusCode::kNotFound, reason::kNoDefaultDistro,
                   "There is no distro yet. Import one with 'wslm import NAME FILE'.");
    }
    if (const auto found = distros_.find(id_or_name); found != distros_.end()) return found->second;
    if (const RegistryEntry* entry = ByName(id_or_name); entry != nullptr) return *entry;
    return NotRegistered(id_or_name);
  }

  std::string default_id() const override {
    const std::lock_guard lock(mutex_);
    return default_id_;
  }

  absl::Status SetDefault(const std::string& id) override {
    const std::lock_guard lock(mutex_);
    if (distros_.count(id) == 0) return NotRegistered(id);
    RETURN_IF_ERROR(index_->SetSetting(kDefaultSetting, id));
    default_id_ = id;
    return absl::OkStatus();
  }

  absl::StatusOr<std::string> MakeStaging(const std::string& id) override {
    const std::lock_guard lock(mutex_);
    RETURN_IF_ERROR(CheckId(id));
    RETURN_IF_ERROR(folders_.MakeStaging(id));
    return folders_.Staging(id);
  }

  absl::StatusOr<bool> StageLocation(const std::string& id, const std::string& location) override {
    const std::lock_guard lock(mutex_);
    RETURN_IF_ERROR(CheckId(id));
    return folders_.StageLocation(id, location);
  }

  void RemoveStaging(const std::string& id) override {
    if (CheckId(id).ok()) folders_.RemoveStaging(id);
  }

  absl::Status Publish(const DistroRecord& given) override {
    const std::lock_guard lock(mutex_);
    DistroRecord record = given;
    RETURN_IF_ERROR(CheckId(record.id));
    RETURN_IF_ERROR(CheckDistroName(record.name));
    RETURN_IF_ERROR(CheckNameFree(record.name, record.id));
    if (record.create_time_ns == 0) record.create_time_ns = NowNs();
    if (record.revision == 0) record.revision = 1;
    RETURN_IF_ERROR(WriteRecord(folders_.Staging(record.id), record));
    if (!record.location.empty()) RETURN_IF_ERROR(WriteRecord(record.location, record));
    RETURN_IF_ERROR(folders_.Publish(record.id, record.location));
    Add({.record = record, .folder = folders_.Folder(record.id)});
    return absl::OkStatus();
  }

  absl::StatusOr<RegistryEntry> Update(const DistroRecord& given) override {
    const std::lock_guard lock(mutex_);
    const auto found = distros_.find(given.id);
    if (found == distros_.end()) return NotRegistered(given.id);
    RegistryEntry& entry = found->second;
    RETURN_IF_ERROR(entry.CheckUsable());
    RETURN_IF_ERROR(CheckDistroName(given.name));
    RETURN_IF_ERROR(CheckNameFree(given.name, given.id));
    DistroRecord record = given;
    record.revision = entry.record.revision + 1;
    RETURN_IF_ERROR(WriteRecord(entry.folder, record));
    const bool renamed = record.name != entry.record.name;
    entry.record = record;
    // A copy, for people: the record itself is written.
    if (!record.location.empty()) (void)WriteRecord(record.location, record);
    if (renamed) RememberNames();
    return entry;
  }

  absl::StatusOr<std::string> Remove(const std::string& id, bool purge) override {
    {
      const std::lock_guard lock(mutex_);
      const auto found = distros_.find(id);
      if (found == distros_.end()) return NotRegistered(id);
      if (found->second.record.is_protected) {
        return Error(absl::StatusCode::kFailedPrecondition, reason::kDistroProtected,
                     absl::StrCat("The distro '", found->second.record.name, "' is protected against deletion."),
                     {{"distro", found->second.record.name}});
      }
      RETURN_IF_ERROR(purge ? folders_.BeginPurge(id, /*from_trash=*/false) : folders_.MoveToTrash(id, NowNs()));
      distros_.erase(found);
      if (default_id_ == id) SetDefaultTo(Oldest());
    }
    const absl::Status removed = purge ? folders_.FinishPurge(id) : absl::OkStatus();
    if (removed.ok()) return "";
    return absl::StrCat("Some of its files could not be removed; the next start of wslmd tries again: ",
                        removed.message());
  }

  std::vector<TrashEntry> Trash() const override {
    const std::lock_guard lock(mutex_);
    return NamedTrash();
  }

  absl::StatusOr<RegistryEntry> Recover(const std::string& id_or_name, const std::string& new_name) override {
    const std::lock_guard lock(mutex_);
    std::optional<TrashEntry> chosen;
    for (TrashEntry& candidate : NamedTrash()) {
      const DistroRecord& record = candidate.entry.record;
      if (record.id != id_or_name && !absl::EqualsIgnoreCase(record.name, id_or_name)) continue;
      if (!chosen || candidate.delete_time_ns > chosen->delete_time_ns) chosen = std::move(candidate);
    }
    if (!chosen) return NotFound(id_or_name, " among the deleted ones.");
    RegistryEntry& entry = chosen->entry;
    const std::string name = new_name.empty() ? entry.record.name : new_name;
    RETURN_IF_ERROR(CheckNameFree(name, entry.record.id));
    if (!new_name.empty() && new_name != entry.record.name) {
      RETURN_IF_ERROR(CheckDistroName(new_name));
      RETURN_IF_ERROR(entry.CheckUsable());
      entry.record.name = new_name;
      ++entry.record.revision;
      RETURN_IF_ERROR(WriteRecord(entry.folder, entry.record));
    }
    RETURN_IF_ERROR(folders_.Restore(entry.record.id));
    entry.folder = folders_.Folder(entry.record.id);
    Add(entry);
    return entry;
  }

  void PurgeOldTrash() override {
    std::vector<std::string> old;
    {
      const std::lock_guard lock(mutex_);
      const int64_t now = NowNs();
      for (const TrashEntry& entry : folders_.ReadTrash()) {
        const std::string& id = entry.entry.record.id;
        if (entry.purge_time_ns <= now && folders_.BeginPurge(id, /*from_trash=*/true).ok()) old.push_back(id);
      }
    }
    // What fails is tried again at the next start.
    for (const std::string& id : old) (void)folders_.FinishPurge(id);
  }

  std::vector<JournalEntry> Journal() const override {
    const std::lock_guard lock(mutex_);
    return index_->Journal();
  }

  absl::Status WriteJournal(const JournalEntry& entry) override {
    const std::lock_guard lock(mutex_);
    return index_->WriteJournal(entry);
  }

 private:
  // Ids come to be parts of paths.
  static absl::Status CheckId(const std::string& id) {
    if (IsUuid(id)) return absl::OkStatus();
    return Error(absl::StatusCode::kInvalidArgument, reason::kInvalidArgument,
                 absl::StrCat("'", Escaped(id.substr(0, 100)), "' is no distro's id."), {{"field", "id"}});
  }

  absl::Status CheckNameFree(const std::string& name, const std::string& id) const {
    const RegistryEntry* other = ByName(name);
    if (other == nullptr || other->record.id == id) return absl::OkStatus();
    return Error(absl::StatusCode::kAlreadyExists, reason::kDistroExists,
                 absl::StrCat("There is a distro called '", other->record.name, "' already; choose another name."),
                 {{"distro", other->record.name}});
  }

  // One that can be used before one that can't, the older before the younger.
  static std::pair<bool, int64_t> Rank(const RegistryEntry& entry) {
    return {!entry.broken_reason.empty(), entry.record.create_time_ns};
  }

  // Two can have one name only when somebody copied a folder by hand.
  const RegistryEntry* ByName(const std::string& name) const {
    const RegistryEntry* best = nullptr;
    for (const auto& [id, entry] : distros_) {
      if (!absl::EqualsIgnoreCase(entry.record.name, name)) continue;
      if (best == nullptr || Rank(entry) < Rank(*best)) best = &entry;
    }
    return best;
  }

  // Empty: there is none.
  std::string Oldest() const {
    const RegistryEntry* best = nullptr;
    for (const auto& [id, entry] : distros_) {
      if (best == nullptr || Rank(entry) < Rank(*best)) best = &entry;
    }
    return best == nullptr ? "" : best->record.id;
  }

  void Add(RegistryEntry entry) {
    const std::string id = entry.record.id;
    distros_.insert_or_assign(id, std::move(entry));
    if (default_id_.empty()) SetDefaultTo(id);
    RememberNames();
  }

  // Where it can't be written the oldest is taken at the next start, which is nearly always the same one: no reason to
  // fail what has happened already.
  void SetDefaultTo(const std::string& id) {
    default_id_ = id;
    (void)index_->SetSetting(kDefaultSetting, id);
  }

  // For those whose record may break one day. Deleted ones are kept, too.
  void RememberNames() {
    std::map<std::string, std::string> names = index_->Names();
    std::map<std::string, std::string> now;
    const auto remember = [&](const DistroRecord& record) {
      if (record.name != record.id) now[record.id] = record.name;
    };
    for (const auto& [id, entry] : distros_) remember(entry.record);
    for (const TrashEntry& entry : NamedTrash()) remember(entry.entry.record);
    if (now != names) (void)index_->SetNames(now);
  }

  std::vector<TrashEntry> NamedTrash() const {
    std::vector<TrashEntry> entries = folders_.ReadTrash();
    const std::map<std::string, std::string> names = index_->Names();
    for (TrashEntry& entry : entries) {
      Name(entry.entry.record, names);
    }
    return entries;
  }

  mutable std::mutex mutex_;
  const UniqueFd lock_;
  const DistroFolders folders_;
  const std::unique_ptr<Index> index_;
  std::map<std::string, RegistryEntry> distros_;  // by id
  std::string default_id_;
};

}  // namespace

absl::Status RegistryEntry::CheckUsable() const {
  if (broken_reason.empty()) return absl::OkStatus();
  return Error(absl::StatusCode::kFailedPrecondition, reason::kDistroBroken,
               absl::StrCat("The distro '", Escaped(record.name), "' can't be used: ", broken_reason),
               {{"distro", record.name}, {"detail", broken_reason}});
}

absl::StatusOr<std::unique_ptr<Registry>> Registry::Open(const std::string& data_folder) {
  ASSIGN_OR_RETURN(UniqueFd lock, LockFolder(data_folder));
  ASSIGN_OR_RETURN(DistroFolders folders, DistroFolders::Open(data_folder));
  ASSIGN_OR_RETURN(std::unique_ptr<Index> index, Index::Open(data_folder));
  return std::unique_ptr<Registry>(
      std::make_unique<FolderRegistry>(std::move(lock), std::move(folders), std::move(index)));
}

}  // namespace wslm
