#include "runtime-v2/host/snapshot_store.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "distros/host/files.h"
#include "distros/host/status_macros.h"
#include "runtime-v2/host/file_identity.h"

namespace wslm {
namespace {

constexpr char kEnding[] = ".snapshot";
// That of the VM as it is configured, and that of how it was configured before.
constexpr size_t kKept = 2;
// What is written takes seconds: what is older is a crash's.
constexpr absl::Duration kLongestWrite = absl::Minutes(10);

// Removes what is too much. What fails is tried again the next time.
void RemoveOld(const std::string& folder) {
  DIR* directory = ::opendir(folder.c_str());
  if (directory == nullptr) return;
  std::vector<std::pair<absl::Time, std::string>> snapshots;
  while (const dirent* entry = ::readdir(directory)) {
    const std::string name = entry->d_name;
    struct stat status {};
    if (name == "." || name == ".." || ::fstatat(::dirfd(directory), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
      continue;
    }
    const absl::Time time = absl::TimeFromTimespec(status.st_mtim);
    if (name.ends_with(kEnding) && !name.starts_with('.')) {
      snapshots.emplace_back(time, name);
    } else if (absl::Now() - time > kLongestWrite) {
      ::unlinkat(::dirfd(directory), name.c_str(), 0);
    }
  }
  std::sort(snapshots.rbegin(), snapshots.rend());
  for (size_t i = kKept; i < snapshots.size(); ++i) {
    ::unlinkat(::dirfd(directory), snapshots[i].second.c_str(), 0);
  }
  ::closedir(directory);
}

}  // namespace

std::string SnapshotStore::PathOf(const std::string& key) const {
  return folder_ + "/" + NameOfIdentity(key) + kEnding;
}

bool SnapshotStore::Has(const std::string& key) const { return PathExists(PathOf(key)); }

absl::Status SnapshotStore::Save(const SnapshotHead& head, int memory, int state) const {
  RETURN_IF_ERROR(MakeFolders(folder_));
  RETURN_IF_ERROR(WriteSnapshot(PathOf(head.key), head, memory, state));
  RemoveOld(folder_);
  return absl::OkStatus();
}

absl::StatusOr<SnapshotHead> SnapshotStore::Load(const std::string& key, int memory, int state) const {
  const std::string path = PathOf(key);
  auto head = ReadSnapshot(path, key, memory, state);
  if (!head.ok()) Remove(key);
  // Those that are used are kept.
  if (head.ok()) ::utimensat(AT_FDCWD, path.c_str(), nullptr, 0);
  return head;
}

void SnapshotStore::Remove(const std::string& key) const { ::unlink(PathOf(key).c_str()); }

}  // namespace wslm
