#include "distros/lxfs/store_check.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "distros/host/error.h"
#include "distros/host/files.h"
#include "distros/host/status_macros.h"

namespace wslm {
namespace {

constexpr char kFileName[] = "metadata.db";
constexpr char kOnlyLooked[] = "Repair mends it.";

// What every Linux has below /dev, whose numbers never change (Linux's devices.txt).
struct KnownDevice {
  std::string_view path;
  unsigned major, minor;
};
constexpr KnownDevice kKnownDevices[] = {
    {"dev/null", 1, 3},    {"dev/zero", 1, 5}, {"dev/full", 1, 7},    {"dev/random", 1, 8},
    {"dev/urandom", 1, 9}, {"dev/tty", 5, 0},  {"dev/console", 5, 1}, {"dev/ptmx", 5, 2},
};

// A damaged database as it is, with its log, which SQLite takes for part of it by its name.
absl::Status CopyAsItIs(const std::string& from, const std::string& to) {
  for (const char* suffix : {"", "-wal"}) {
    std::error_code error;
    if (!std::filesystem::exists(from + suffix, error)) continue;
    std::filesystem::copy_file(from + suffix, to + suffix, error);
    if (error) return ErrnoError("cannot save", from + suffix, error.value());
  }
  return absl::OkStatus();
}

}  // namespace

StoreCheck::StoreCheck(std::string folder, const SideKey& root, bool repair, CheckFindings& findings)
    : folder_(std::move(folder)), path_(folder_ + "/" + kFileName), root_(root), repair_(repair), findings_(findings) {}

absl::StatusOr<std::unique_ptr<StoreCheck>> StoreCheck::Open(const std::string& folder, const SideKey& root,
                                                             bool repair, CheckFindings& findings) {
  std::unique_ptr<StoreCheck> store(new StoreCheck(folder, root, repair, findings));
  RETURN_IF_ERROR(store->Load());
  return store;
}

absl::Status StoreCheck::Load() {
  absl::StatusOr<std::unique_ptr<SideDatabase>> opened = SideDatabase::OpenToRead(path_);
  // A newer version's is no damage.
  if (absl::IsDataLoss(opened.status())) return Salvage(std::string(opened.status().message()));
  RETURN_IF_ERROR(opened.status());
  database_ = *std::move(opened);
  if (database_ == nullptr) return absl::OkStatus();
  ASSIGN_OR_RETURN(const std::string damage, database_->Damage());
  if (!damage.empty()) return Salvage(damage);
  const absl::Status loaded = LoadSound();
  return absl::IsDataLoss(loaded) ? Salvage(std::string(loaded.message())) : loaded;
}

absl::Status StoreCheck::LoadSound() {
  ASSIGN_OR_RETURN(records_, database_->ReadAll());
  ASSIGN_OR_RETURN(xattrs_, database_->ReadXattrs());
  ASSIGN_OR_RETURN(const std::optional<SideKey> root, database_->Root());
  other_tree_ = root && *root != root_ && (!records_.empty() || !xattrs_.empty());
  ASSIGN_OR_RETURN(const std::vector<uint64_t> impossible, database_->ImpossibleRecords());
  for (const uint64_t inode : impossible) {
    records_.erase(inode);
    const std::string what = absl::StrCat("The side store's record of inode ", inode, " can't be: no file has that.");
    if (repair_) {
      changes_[inode] = std::nullopt;
      findings_.Add("", LxfsFindingKind::kOddRecord, what, absl::OkStatus(), "It was removed.");
    } else {
      findings_.Add("", LxfsFindingKind::kOddRecord, what);
    }
  }
  return absl::OkStatus();
}

absl::Status StoreCheck::Salvage(const std::string& damage) {
  if (database_ != nullptr) {
    records_ = database_->ReadWhatIsLeft();
    xattrs_ = database_->ReadXattrs().value_or(SideXattrTable());
  }
  const std::string what = absl::StrCat("The side store ", kFileName, " is damaged (", Escaped(damage),
                                        "): it holds the owners and device numbers of special files.");
  if (!repair_) {
    findings_.Add("", LxfsFindingKind::kDamagedStore, absl::StrCat(what, " ", kOnlyLooked));
    return absl::OkStatus();
  }
  database_.reset();
  RETURN_IF_ERROR(Rebuild());
  findings_.Add("", LxfsFindingKind::kDamagedStore, what, absl::OkStatus(),
                absl::StrCat("It was made anew from ", records_.size(),
                             " records that could still be read; files whose records are lost are root's."));
  return absl::OkStatus();
}

// Beside, so that there is a whole one at any time.
absl::Status StoreCheck::Rebuild() {
  const std::string saved = NameBeside();
  RETURN_IF_ERROR(CopyAsItIs(path_, saved));
  findings_.report().saved_store = saved;
  const std::string fresh = path_ + ".rebuilt";
  for (const char* suffix : {"", "-wal"}) unlink((fresh + suffix).c_str());
  {
    ASSIGN_OR_RETURN(std::unique_ptr<SideDatabase> database, SideDatabase::Open(fresh, SideDatabase::Access::kWrite));
    RETURN_IF_ERROR(database->SetRoot(root_));
    SideXattrChanges xattrs(xattrs_.begin(), xattrs_.end());
    RETURN_IF_ERROR(database->Write(SideChanges(records_.begin(), records_.end()), xattrs));
    RETURN_IF_ERROR(database->Sync());
  }
  unlink((path_ + "-wal").c_str());
  if (rename(fresh.c_str(), path_.c_str()) != 0) return ErrnoError("cannot replace", path_);
  RETURN_IF_ERROR(SyncFolder(folder_));
  ASSIGN_OR_RETURN(database_, SideDatabase::Open(path_, SideDatabase::Access::kWrite));
  return LoadSound();
}

std::string StoreCheck::NameBeside() const {
  std::string name = path_ + ".before-repair";
  for (int i = 2; PathExists(name); ++i) name = absl::StrCat(path_, ".before-repair-", i);
  return name;
}

absl::Status StoreCheck::Prepare() {
  if (database_ == nullptr) {
    ASSIGN_OR_RETURN(database_, SideDatabase::Open(path_, SideDatabase::Access::kWrite));
    return database_->SetRoot(root_);
  }
  std::string& saved = findings_.report().saved_store;
  if (!saved.empty()) return absl::OkStatus();
  const std::string name = NameBeside();
  RETURN_IF_ERROR(WithContext(database_->CopyTo(name), "cannot save the side store beside"));
  saved = name;
  return absl::OkStatus();
}

std::optional<GuestAttributes> StoreCheck::Find(const SideKey& key) {
  if (key.device != 0) return std::nullopt;
  // The time of birth tells a file by itself, where its handle does not: on a snapshot of the whole file system.
  const auto is_same = [&](const auto& kept) {
    if (kept.birth_ns != key.birth_ns) return false;
    return kept.generation == key.generation || (other_tree_ && key.birth_ns != 0);
  };
  if (const auto xattrs = xattrs_.find(key.inode); xattrs != xattrs_.end() && is_same(xattrs->second)) {
    used_xattrs_.insert(key.inode);
    if (other_tree_) {
      xattrs->second.generation = key.generation;
      xattr_changes_[key.inode] = xattrs->second;
    }
  }
  const auto record = records_.find(key.inode);
  if (record == records_.end() || !is_same(record->second)) return std::nullopt;
  used_records_.insert(key.inode);
  if (other_tree_) {
    record->second.generation = key.generation;
    changes_[key.inode] = record->second;
  }
  return record->second.attributes;
}

void StoreCheck::NoteUnrecorded(const SideKey& key, std::string_view path) {
  if (!other_tree_ || !path.starts_with("dev/")) return;
  unrecorded_.push_back({.key = key, .path = std::string(path)});
}

void StoreCheck::Remove(const SideKey& key) {
  if (repair_) changes_[key.inode] = std::nullopt;
}

absl::Status StoreCheck::PutNow(const SideKey& key, const GuestAttributes& attributes) {
  RETURN_IF_ERROR(Prepare());
  const SideRecord record{.birth_ns = key.birth_ns, .generation = key.generation, .attributes = attributes};
  RETURN_IF_ERROR(database_->Write({{key.inode, record}}, {}));
  // What else was to become of that number is of a file that is gone.
  changes_.erase(key.inode);
  records_[key.inode] = record;
  used_records_.insert(key.inode);
  return database_->Sync();
}

void StoreCheck::TellOrphans() {
  const auto tell = [&](const std::string& what) {
    if (repair_) {
      findings_.Add("", LxfsFindingKind::kOrphanRecord, what, absl::OkStatus(), "It was removed.");
    } else {
      findings_.Add("", LxfsFindingKind::kOrphanRecord, what);
    }
  };
  for (const auto& [inode, record] : records_) {
    if (used_records_.contains(inode)) continue;
    if (repair_) changes_[inode] = std::nullopt;
    tell(absl::StrCat("The side store has a record of ", Described(record.attributes), " (inode ", inode,
                      "), and the file is gone."));
  }
  for (const auto& [inode, kept] : xattrs_) {
    if (used_xattrs_.contains(inode)) continue;
    if (repair_) xattr_changes_[inode] = std::nullopt;
    tell(absl::StrCat("The side store has ", kept.xattrs.size(), " attributes of inode ", inode,
                      ", and the file is gone."));
  }
}

void StoreCheck::TellDevicesByName() {
  for (const Unrecorded& file : unrecorded_) {
    for (const KnownDevice& known : kKnownDevices) {
      if (known.path != file.path) continue;
      for (const auto& [inode, record] : records_) {
        const GuestAttributes& lost = record.attributes;
        if (used_records_.contains(inode) || (lost.mode & S_IFMT) != S_IFCHR) continue;
        if (lost.rdev != makedev(known.major, known.minor)) continue;
        used_records_.insert(inode);
        const std::string what =
            absl::StrCat("This is a socket on the host and has no record: by its name it is ", Described(lost), ".");
        if (repair_) {
          if (!changes_.contains(inode)) changes_[inode] = std::nullopt;
          changes_[file.key.inode] = {
              .birth_ns = file.key.birth_ns, .generation = file.key.generation, .attributes = lost};
          findings_.Add(file.path, LxfsFindingKind::kOtherTree, what, absl::OkStatus(), "It has that record now.");
        } else {
          findings_.Add(file.path, LxfsFindingKind::kOtherTree, absl::StrCat(what, " ", kOnlyLooked));
        }
        break;
      }
    }
  }
}

// The records of another tree, which have no file here.
void StoreCheck::TellLost() {
  const size_t all = records_.size();
  const size_t again = used_records_.size();
  const std::string summary = absl::StrCat(
      "The files were copied or moved here: the side store's records of owners and device numbers are of the "
      "original. ",
      again, " of ", all, " can be told to be of files here. If you have the original, export that instead.");
  if (repair_) {
    findings_.Add("", LxfsFindingKind::kOtherTree, summary, absl::OkStatus(),
                  "The others are listed and were dropped: their files are root's now.");
  } else {
    findings_.Add("", LxfsFindingKind::kOtherTree, absl::StrCat(summary, " ", kOnlyLooked));
  }
  TellDevicesByName();
  const auto tell = [&](const std::string& what) {
    if (repair_) {
      findings_.Add("", LxfsFindingKind::kOtherTree, what, absl::OkStatus(), "It was dropped.");
    } else {
      findings_.Add("", LxfsFindingKind::kOtherTree, what);
    }
  };
  for (const auto& [inode, record] : records_) {
    if (used_records_.contains(inode)) continue;
    if (repair_ && !changes_.contains(inode)) changes_[inode] = std::nullopt;
    tell(absl::StrCat("No file here can be told to be ", Described(record.attributes), "."));
  }
  for (const auto& [inode, kept] : xattrs_) {
    if (used_xattrs_.contains(inode)) continue;
    if (repair_) xattr_changes_[inode] = std::nullopt;
    tell(absl::StrCat("No file here can be told to be the one with ", kept.xattrs.size(), " attributes."));
  }
}

absl::Status StoreCheck::Finish(bool complete) {
  findings_.report().totals.records_in_store = static_cast<int64_t>(used_records_.size());
  if (other_tree_ && !complete) {
    findings_.Add(
        "", LxfsFindingKind::kOtherTree,
        "The files were copied or moved here, and the side store's records are of the original. Let all folders "
        "be read first: only then can it be told which record is whose.");
    return absl::OkStatus();
  }
  if (other_tree_) {
    TellLost();
  } else if (complete) {
    TellOrphans();
  }
  return repair_ ? WriteChanges() : absl::OkStatus();
}

absl::Status StoreCheck::WriteChanges() {
  if (changes_.empty() && xattr_changes_.empty()) return absl::OkStatus();
  RETURN_IF_ERROR(Prepare());
  RETURN_IF_ERROR(database_->Write(changes_, xattr_changes_));
  if (other_tree_) RETURN_IF_ERROR(database_->SetRoot(root_));
  return database_->Sync();
}

}  // namespace wslm
