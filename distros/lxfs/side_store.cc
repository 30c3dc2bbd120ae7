#include "distros/lxfs/side_store.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/statfs.h>
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
constexpr int64_t kNanosecondsPerSecond = 1'000'000'000;

constexpr unsigned kWanted = STATX_INO | STATX_BTIME;

bool IsSameFile(const SideRecord& record, const SideKey& key) {
  return record.birth_ns == key.birth_ns && record.generation == key.generation;
}

// Whether handles hold an inode's number and generation as they are on the disk. Elsewhere (FUSE) a handle may not
// outlive the mount.
bool HasLastingHandles(int folder) {
  struct statfs file_system;
  if (fstatfs(folder, &file_system) != 0) return false;
  switch (static_cast<uint64_t>(file_system.f_type)) {
    case EXT4_SUPER_MAGIC:
    case XFS_SUPER_MAGIC:
    case BTRFS_SUPER_MAGIC:
    case F2FS_SUPER_MAGIC:
      return true;
    default:
      return false;
  }
}

// FNV-1a of the file's handle; 0 when it has none. Needs no privilege: only opening by handle does.
uint64_t GenerationOf(int fd, const char* name, int flags) {
  struct {
    file_handle handle;
    unsigned char bytes[MAX_HANDLE_SZ];
  } found;
  found.handle.handle_bytes = MAX_HANDLE_SZ;
  int mount_id = 0;
  // Unlike statx, it follows links only when asked to.
  const int handle_flags = (flags & AT_EMPTY_PATH) | ((flags & AT_SYMLINK_NOFOLLOW) != 0 ? 0 : AT_SYMLINK_FOLLOW);
  if (name_to_handle_at(fd, name, &found.handle, &mount_id, handle_flags) != 0) return 0;
  uint64_t hash = 0xcbf29ce484222325;
  for (unsigned i = 0; i < found.handle.handle_bytes; ++i) hash = (hash ^ found.bytes[i]) * 0x100000001b3;
  return hash;
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
  SideStoreImpl(UniqueFd folder, uint64_t device)
      : folder_(std::move(folder)), device_(device), has_lasting_handles_(HasLastingHandles(folder_.get())) {}
  ~SideStoreImpl() override;

  absl::Status Load(const std::string& folder, std::unique_ptr<SideDatabase> database, bool keep_open);

  std::optional<SideKey> KeyOf(int fd) const override;
  std::optional<SideKey> KeyOf(int dir_fd, const char* name) const override;
  SideKey KeyOf(int dir_fd, const char* name, int flags, const struct statx& host) const override;
  std::optional<GuestAttributes> Get(const SideKey& key) const override;
  std::optional<GuestAttributes> Get(int dir_fd, const char* name, int flags, const struct statx& host) const override;
  void Put(const SideKey& key, const GuestAttributes& attributes) override { Change(key, attributes); }
  void Remove(const SideKey& key) override { Change(key, std::nullopt); }
  absl::Status Commit() override;
  absl::Status Flush() override;

 private:
  // Device and inode.
  using ForeignKey = std::pair<uint64_t, uint64_t>;

  std::optional<SideKey> KeyOf(int fd, const char* name, int flags) const;
  // Without the generation.
  SideKey PlainKeyOf(const struct statx& host) const;
  // The record under the key's number, of whatever file. With mutex_ held.
  const SideRecord* Find(const SideKey& key) const;
  void Change(const SideKey& key, const std::optional<GuestAttributes>& attributes);
  absl::Status WriteBatch();
  absl::Status RememberRoot();

  const UniqueFd folder_;
  const uint64_t device_;
  const bool has_lasting_handles_;

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
  SideChanges waiting_;
  // So many are committed at once. More after an error, which will hardly be gone at the next.
  size_t enough_ = kBatchSize;
};

absl::Status SideStoreImpl::Load(const std::string& folder, std::unique_ptr<SideDatabase> database, bool keep_open) {
  ASSIGN_OR_RETURN(records_, database->ReadAll());
  ASSIGN_OR_RETURN(const std::optional<SideKey> root, database->Root());
  root_known_ = root.has_value();
  if (root && !records_.empty()) {
    const std::optional<SideKey> present = KeyOf(folder_.get(), kRootName);
    if (present && *present != *root) return AnotherTree(folder);
  }
  if (keep_open) database_ = std::move(database);
  return absl::OkStatus();
}

SideStoreImpl::~SideStoreImpl() {
  // Nobody is left to hear of an error; who wants to know calls Flush.
  std::lock_guard lock(database_mutex_);
  if (database_ != nullptr) WriteBatch().IgnoreError();
}

SideKey SideStoreImpl::PlainKeyOf(const struct statx& host) const {
  SideKey key{.device = makedev(host.stx_dev_major, host.stx_dev_minor), .inode = host.stx_ino};
  if (key.device == device_) key.device = 0;
  if ((host.stx_mask & STATX_BTIME) != 0) {
    key.birth_ns = host.stx_btime.tv_sec * kNanosecondsPerSecond + host.stx_btime.tv_nsec;
  }
  return key;
}

SideKey SideStoreImpl::KeyOf(int dir_fd, const char* name, int flags, const struct statx& host) const {
  SideKey key = PlainKeyOf(host);
  if (key.device == 0 && has_lasting_handles_) key.generation = GenerationOf(dir_fd, name, flags);
  return key;
}

std::optional<SideKey> SideStoreImpl::KeyOf(int fd, const char* name, int flags) const {
  struct statx host;
  if (statx(fd, name, flags | AT_STATX_DONT_SYNC, kWanted, &host) != 0) return std::nullopt;
  return KeyOf(fd, name, flags, host);
}

std::optional<SideKey> SideStoreImpl::KeyOf(int fd) const { return KeyOf(fd, "", AT_EMPTY_PATH); }

std::optional<SideKey> SideStoreImpl::KeyOf(int dir_fd, const char* name) const {
  return KeyOf(dir_fd, name, AT_SYMLINK_NOFOLLOW);
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
    if (Find(PlainKeyOf(host)) == nullptr) return std::nullopt;
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
    if (waiting_.size() < enough_) return;
  }
  // Commit or Flush will tell of an error.
  Commit().IgnoreError();
}

// With database_mutex_ held and mutex_ not.
absl::Status SideStoreImpl::WriteBatch() {
  SideChanges batch;
  {
    std::lock_guard lock(mutex_);
    batch.swap(waiting_);
  }
  if (batch.empty()) return absl::OkStatus();
  absl::Status status = RememberRoot();
  if (status.ok()) status = database_->Write(batch);
  std::lock_guard lock(mutex_);
  if (status.ok()) {
    unsynced_ = true;
    enough_ = kBatchSize;
    return status;
  }
  // What changed meanwhile is newer and stays.
  waiting_.merge(batch);
  enough_ = 2 * waiting_.size();
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

// How to read a database without changing anything that others see.
absl::StatusOr<SideDatabase::Access> ReadAccess(int folder, const std::string& path) {
  if (faccessat(folder, kFileName, W_OK, AT_EACCESS) == 0 && faccessat(folder, ".", W_OK, AT_EACCESS) == 0) {
    return SideDatabase::Access::kRead;
  }
  struct stat log;
  const std::string log_name = std::string(kFileName) + "-wal";
  if (fstatat(folder, log_name.c_str(), &log, AT_SYMLINK_NOFOLLOW) == 0 && log.st_size > 0) {
    return Error(absl::StatusCode::kFailedPrecondition, reason::kIoError,
                 "The distro was not stopped in order, and " + Escaped(path) +
                     " can't be brought up to date where it can only be read. Make its folder writable once.");
  }
  return SideDatabase::Access::kReadImmutable;
}

}  // namespace

absl::StatusOr<std::unique_ptr<SideStore>> SideStore::Open(const std::string& folder, bool read_only) {
  UniqueFd folder_fd(open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!folder_fd) return ErrnoError("cannot open", folder);
  struct statx host;
  if (statx(folder_fd.get(), "", AT_EMPTY_PATH, kWanted, &host) != 0) return ErrnoError("cannot look at", folder);
  const std::string path = folder + "/" + kFileName;
  const int folder_number = folder_fd.get();
  auto store = std::make_unique<SideStoreImpl>(std::move(folder_fd), makedev(host.stx_dev_major, host.stx_dev_minor));
  SideDatabase::Access access = SideDatabase::Access::kWrite;
  if (read_only) {
    if (faccessat(folder_number, kFileName, F_OK, AT_EACCESS) != 0) {
      if (errno == ENOENT) return store;
      return ErrnoError("cannot look at", path);
    }
    ASSIGN_OR_RETURN(access, ReadAccess(folder_number, path));
  }
  ASSIGN_OR_RETURN(std::unique_ptr<SideDatabase> database, SideDatabase::Open(path, access));
  RETURN_IF_ERROR(store->Load(folder, std::move(database), /*keep_open=*/!read_only));
  return store;
}

}  // namespace wslm
