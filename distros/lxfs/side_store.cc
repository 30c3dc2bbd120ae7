#include "distros/lxfs/side_store.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <cerrno>
#include <mutex>
#include <shared_mutex>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "distros/host/error.h"
#include "distros/host/status_macros.h"
#include "distros/host/unique_fd.h"
#include "distros/lxfs/side_database.h"

namespace wslm {
namespace {

constexpr char kFileName[] = "metadata.db";
constexpr char kRootName[] = "rootfs";
constexpr size_t kBatchSize = 256;

constexpr unsigned kWanted = STATX_INO | STATX_BTIME;

template <typename Record>
bool IsSameFile(const Record& record, const SideKey& key) {
  return record.birth_ns == key.birth_ns && record.generation == key.generation;
}

int64_t BytesOf(const GuestXattrs& xattrs) {
  size_t bytes = 0;
  for (const auto& [name, value] : xattrs) bytes += name.size() + value.size();
  return static_cast<int64_t>(bytes);
}

absl::Status AnotherTree(const std::string& folder) {
  return Error(absl::StatusCode::kFailedPrecondition, reason::kDistroBroken,
               "The files in " + Escaped(folder) + "/" + kRootName +
                   " were copied there: the owners and device numbers in " + kFileName +
                   " belong to the original. Go back to the original, and copy it with 'wslm export' and "
                   "'wslm import'.");
}

class SideStoreImpl : public SideStore {
 public:
  SideStoreImpl(UniqueFd folder, uint64_t device) : folder_(std::move(folder)), keys_(folder_.get(), device) {}
  ~SideStoreImpl() override;

  absl::Status Load(const std::string& folder, std::unique_ptr<SideDatabase> database, bool keep_open);

  std::optional<SideKey> KeyOf(int fd) const override { return keys_.KeyOf(fd); }
  std::optional<SideKey> KeyOf(int dir_fd, const char* name) const override { return keys_.KeyOf(dir_fd, name); }
  SideKey KeyOf(int dir_fd, const char* name, int flags, const struct statx& host) const override {
    return keys_.KeyOf(dir_fd, name, flags, host);
  }
  std::optional<GuestAttributes> Get(const SideKey& key) const override;
  std::optional<GuestAttributes> Get(int dir_fd, const char* name, int flags, const struct statx& host) const override;
  void Put(const SideKey& key, const GuestAttributes& attributes) override { Change(key, attributes); }
  void Remove(const SideKey& key) override { Change(key, std::nullopt); }
  bool HasXattrs() const override;
  GuestXattrs Xattrs(const SideKey& key) const override;
  std::vector<uint64_t> Inodes() const override;
  bool PutXattrs(const SideKey& key, const GuestXattrs& xattrs) override;
  absl::Status Commit() override;
  absl::Status Flush() override;

 private:
  // Device and inode.
  using ForeignKey = std::pair<uint64_t, uint64_t>;

  // The record under the key's number, of whatever file. With mutex_ held.
  const SideRecord* Find(const SideKey& key) const;
  void Change(const SideKey& key, const std::optional<GuestAttributes>& attributes);
  absl::Status WriteBatch();
  absl::Status RememberRoot();

  const UniqueFd folder_;
  const SideKeys keys_;

  // Taken before mutex_. Guards the database and the order in which batches reach it.
  std::mutex database_mutex_;
  // Null when read-only.
  std::unique_ptr<SideDatabase> database_;
  bool root_known_ = false;
  bool unsynced_ = false;

  // Guards what follows.
  mutable std::shared_mutex mutex_;
  SideRecords records_;
  absl::flat_hash_map<ForeignKey, SideRecord> foreign_records_;
  SideXattrTable xattrs_;
  // Of all that is in xattrs_.
  int64_t xattr_bytes_ = 0;
  SideChanges waiting_;
  SideXattrChanges waiting_xattrs_;
  // So many are committed at once. More after an error, which will hardly be gone at the next.
  size_t enough_ = kBatchSize;
};

absl::Status SideStoreImpl::Load(const std::string& folder, std::unique_ptr<SideDatabase> database, bool keep_open) {
  ASSIGN_OR_RETURN(records_, database->ReadAll());
  ASSIGN_OR_RETURN(xattrs_, database->ReadXattrs());
  for (const auto& [inode, found] : xattrs_) xattr_bytes_ += BytesOf(found.xattrs);
  ASSIGN_OR_RETURN(const std::optional<SideKey> root, database->Root());
  const std::optional<SideKey> present = KeyOf(folder_.get(), kRootName);
  const bool another = root && present && *present != *root;
  if (another && (!records_.empty() || !xattrs_.empty())) return AnotherTree(folder);
  // Of another tree without a record: that of the first to come counts.
  root_known_ = root.has_value() && !another;
  if (keep_open) database_ = std::move(database);
  return absl::OkStatus();
}

SideStoreImpl::~SideStoreImpl() {
  // Nobody is left to hear of an error; who wants to know calls Flush.
  std::lock_guard lock(database_mutex_);
  if (database_ != nullptr) WriteBatch().IgnoreError();
}

const SideRecord* SideStoreImpl::Find(const SideKey& key) const {
  if (key.device == 0) {
    const auto found = records_.find(key.inode);
    return found == records_.end() ? nullptr : &found->second;
  }
  const auto found = foreign_records_.find(ForeignKey(key.device, key.inode));
  return found == foreign_records_.end() ? nullptr : &found->second;
}

std::optional<GuestAttributes> SideStoreImpl::Get(const SideKey& key) const {
  std::shared_lock lock(mutex_);
  const SideRecord* record = Find(key);
  if (record == nullptr || !IsSameFile(*record, key)) return std::nullopt;
  return record->attributes;
}

std::optional<GuestAttributes> SideStoreImpl::Get(int dir_fd, const char* name, int flags,
                                                  const struct statx& host) const {
  {
    std::shared_lock lock(mutex_);
    if (Find(keys_.PlainKeyOf(host)) == nullptr) return std::nullopt;
  }
  return Get(KeyOf(dir_fd, name, flags, host));
}

void SideStoreImpl::Change(const SideKey& key, const std::optional<GuestAttributes>& attributes) {
  std::optional<SideRecord> record;
  if (attributes) record = {.birth_ns = key.birth_ns, .generation = key.generation, .attributes = *attributes};
  {
    std::lock_guard lock(mutex_);
    if (key.device != 0) {
      const ForeignKey foreign(key.device, key.inode);
      if (record) {
        foreign_records_[foreign] = *record;
      } else {
        foreign_records_.erase(foreign);
      }
      return;
    }
    if (record) {
      records_[key.inode] = *record;
    } else if (records_.erase(key.inode) == 0) {
      return;
    }
    if (database_ == nullptr) return;
    waiting_[key.inode] = record;
    if (waiting_.size() + waiting_xattrs_.size() < enough_) return;
  }
  // Commit or Flush will tell of an error.
  Commit().IgnoreError();
}

std::vector<uint64_t> SideStoreImpl::Inodes() const {
  std::shared_lock lock(mutex_);
  std::vector<uint64_t> inodes;
  for (const auto& [inode, record] : records_) inodes.push_back(inode);
  return inodes;
}

bool SideStoreImpl::HasXattrs() const {
  std::shared_lock lock(mutex_);
  return !xattrs_.empty();
}

GuestXattrs SideStoreImpl::Xattrs(const SideKey& key) const {
  std::shared_lock lock(mutex_);
  const auto found = key.device == 0 ? xattrs_.find(key.inode) : xattrs_.end();
  if (found == xattrs_.end() || !IsSameFile(found->second, key)) return {};
  return found->second.xattrs;
}

bool SideStoreImpl::PutXattrs(const SideKey& key, const GuestXattrs& xattrs) {
  {
    std::lock_guard lock(mutex_);
    const auto found = xattrs_.find(key.inode);
    if (key.device != 0) return xattrs.empty();
    if (found == xattrs_.end() && xattrs.empty()) return true;
    const int64_t before = found == xattrs_.end() ? 0 : BytesOf(found->second.xattrs);
    const int64_t after = BytesOf(xattrs);
    if (after > before && xattr_bytes_ - before + after > kXattrRoom) return false;
    xattr_bytes_ += after - before;
    std::optional<SideXattrs> kept;
    if (xattrs.empty()) {
      xattrs_.erase(found);
    } else {
      kept = {.birth_ns = key.birth_ns, .generation = key.generation, .xattrs = xattrs};
      xattrs_[key.inode] = *kept;
    }
    if (database_ == nullptr) return true;
    waiting_xattrs_[key.inode] = std::move(kept);
    if (waiting_.size() + waiting_xattrs_.size() < enough_) return true;
  }
  // Commit or Flush will tell of an error.
  Commit().IgnoreError();
  return true;
}

// With database_mutex_ held and mutex_ not.
absl::Status SideStoreImpl::WriteBatch() {
  SideChanges batch;
  SideXattrChanges xattr_batch;
  {
    std::lock_guard lock(mutex_);
    batch.swap(waiting_);
    xattr_batch.swap(waiting_xattrs_);
  }
  if (batch.empty() && xattr_batch.empty()) return absl::OkStatus();
  absl::Status status = RememberRoot();
  if (status.ok()) status = database_->Write(batch, xattr_batch);
  std::lock_guard lock(mutex_);
  if (status.ok()) {
    unsynced_ = true;
    enough_ = kBatchSize;
    return status;
  }
  // What changed meanwhile is newer and stays.
  waiting_.merge(batch);
  waiting_xattrs_.merge(xattr_batch);
  enough_ = 2 * (waiting_.size() + waiting_xattrs_.size());
  return status;
}

absl::Status SideStoreImpl::RememberRoot() {
  if (root_known_) return absl::OkStatus();
  const std::optional<SideKey> root = KeyOf(folder_.get(), kRootName);
  if (!root) return absl::OkStatus();
  RETURN_IF_ERROR(database_->SetRoot(*root));
  root_known_ = true;
  return absl::OkStatus();
}

absl::Status SideStoreImpl::Commit() {
  std::lock_guard lock(database_mutex_);
  return database_ == nullptr ? absl::OkStatus() : WriteBatch();
}

absl::Status SideStoreImpl::Flush() {
  std::lock_guard lock(database_mutex_);
  if (database_ == nullptr) return absl::OkStatus();
  RETURN_IF_ERROR(WriteBatch());
  if (!unsynced_) return absl::OkStatus();
  RETURN_IF_ERROR(database_->Sync());
  unsynced_ = false;
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<SideStore>> SideStore::Open(const std::string& folder, bool read_only) {
  UniqueFd folder_fd(open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!folder_fd) return ErrnoError("cannot open", folder);
  struct statx host;
  if (statx(folder_fd.get(), "", AT_EMPTY_PATH, kWanted, &host) != 0) return ErrnoError("cannot look at", folder);
  const std::string path = folder + "/" + kFileName;
  auto store = std::make_unique<SideStoreImpl>(std::move(folder_fd), makedev(host.stx_dev_major, host.stx_dev_minor));
  std::unique_ptr<SideDatabase> database;
  if (read_only) {
    ASSIGN_OR_RETURN(database, SideDatabase::OpenToRead(path));
    if (database == nullptr) return store;
  } else {
    ASSIGN_OR_RETURN(database, SideDatabase::Open(path, SideDatabase::Access::kWrite));
  }
  RETURN_IF_ERROR(store->Load(folder, std::move(database), /*keep_open=*/!read_only));
  return store;
}

}  // namespace wslm
