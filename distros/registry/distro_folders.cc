#include "distros/registry/distro_folders.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <memory>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "distros/host/error.h"
#include "distros/host/failpoint.h"
#include "distros/host/files.h"
#include "distros/host/remove_tree.h"
#include "distros/host/status_macros.h"
#include "distros/host/unique_fd.h"

namespace wslm {
namespace {

using Json = nlohmann::json;

constexpr char kStagingPrefix[] = ".staging-";
constexpr char kPurgePrefix[] = ".purge-";
// A record that was being written when the daemon died.
constexpr char kHalfRecordPrefix[] = ".distro.json.tmp-";
constexpr char kStagingFile[] = "/staging.json";
constexpr char kTrashFile[] = "/trash.json";
// In a folder of the user's while a distro is being made there: holds its id.
constexpr char kClaimFile[] = ".wslm-claim";
constexpr int64_t kTrashDays = 7;
constexpr int64_t kDayNs = int64_t{86400} * 1'000'000'000;

bool BeginsWith(const std::string& text, std::string_view prefix) {
  return std::string_view(text).substr(0, prefix.size()) == prefix;
}

std::vector<std::string> NamesIn(const std::string& folder) {
  std::vector<std::string> names;
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(::opendir(folder.c_str()), &::closedir);
  while (stream != nullptr) {
    const dirent* entry = ::readdir(stream.get());
    if (entry == nullptr) break;
    const std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

bool IsFolder(const std::string& path) {
  struct stat st;
  return ::lstat(path.c_str(), &st) == 0 && S_ISDIR(st.st_mode);
}

// A field of a small JSON file of ours; null when there is none.
Json FieldOf(const std::string& path, const char* name) {
  const absl::StatusOr<std::string> text = ReadSmallFile(path);
  if (!text.ok()) return nullptr;
  const Json json = Json::parse(*text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return nullptr;
  const auto field = json.find(name);
  return field == json.end() ? Json() : *field;
}

// Never over something, and both folders on the disk afterwards. After an error it is where it was.
absl::Status MoveFolder(const std::string& from, const std::string& to) {
  if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) != 0) {
    // EINVAL: the file system has no such flag (NFS, for instance).
    if (errno == EINVAL && !PathExists(to)) {
      if (::rename(from.c_str(), to.c_str()) != 0) return ErrnoError("cannot move", from);
    } else {
      return ErrnoError("cannot move", from);
    }
  }
  absl::Status status = SyncFolder(ParentPath(to));
  if (status.ok() && ParentPath(from) != ParentPath(to)) status = SyncFolder(ParentPath(from));
  // Who is told of an error must find it where it was.
  if (!status.ok()) ::rename(to.c_str(), from.c_str());
  return status;
}

// Removes what a crash left half written in a distro's own folder.
void RemoveHalfWritten(const std::string& folder) {
  for (const std::string& name : NamesIn(folder)) {
    const bool half = BeginsWith(name, kHalfRecordPrefix) || BeginsWith(name, ".trash.json.tmp-") ||
                      BeginsWith(name, ".staging.json.tmp-");
    if (half) ::unlink(absl::StrCat(folder, "/", name).c_str());
  }
}

// Removes from a folder of the user's what wslm made there, last what says whose the rest is: the copy of the record,
// or the claim.
absl::Status EmptyLocation(const std::string& location, bool made) {
  const UniqueFd folder(::open(location.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder) return errno == ENOENT ? absl::OkStatus() : ErrnoError("cannot open", location);
  for (const std::string& name : NamesIn(location)) {
    const bool own = BeginsWith(name, kOwnPrefix) || BeginsWith(name, kHalfRecordPrefix) ||
                     std::find(std::begin(kOwnFiles), std::end(kOwnFiles), name) != std::end(kOwnFiles);
    if (own && name != kRecordFile && name != kClaimFile) RETURN_IF_ERROR(RemoveTreeAt(folder.get(), name));
  }
  RETURN_IF_ERROR(RemoveTreeAt(folder.get(), kRecordFile));
  RETURN_IF_ERROR(RemoveTreeAt(folder.get(), kClaimFile));
  // Not when it holds anything else.
  if (made) (void)::rmdir(location.c_str());
  return absl::OkStatus();
}

// The same, when the location still belongs to the distro whose record lies in `folder`.
absl::Status EmptyLocationOf(const std::string& folder) {
  const absl::StatusOr<DistroRecord> record = ReadRecord(folder);
  if (!record.ok() || record->location.empty()) return absl::OkStatus();
  const absl::StatusOr<DistroRecord> copy = ReadRecord(record->location);
  if (!copy.ok() || copy->id != record->id) return absl::OkStatus();
  return EmptyLocation(record->location, record->made_location);
}

RegistryEntry ReadEntry(const std::string& folder, const std::string& id) {
  RegistryEntry entry;
  entry.folder = folder;
  absl::StatusOr<DistroRecord> record = ReadRecord(folder);
  if (record.ok() && record->id == id) {
    entry.record = *std::move(record);
    return entry;
  }
  entry.record.id = id;
  if (record.ok()) {
    entry.record.name = record->name;
    entry.broken_reason =
        absl::StrCat("its folder ", Escaped(folder), " holds the record of another id, ", record->id, ".");
  } else {
    entry.broken_reason = std::string(record.status().message());
  }
  return entry;
}

}  // namespace

absl::StatusOr<DistroFolders> DistroFolders::Open(const std::string& data_folder) {
  DistroFolders folders(data_folder + "/distros", data_folder + "/trash");
  RETURN_IF_ERROR(MakeFolders(folders.distros_));
  RETURN_IF_ERROR(MakeFolders(folders.trash_));
  folders.CleanUp();
  return folders;
}

void DistroFolders::CleanUp() const {
  for (const std::string& name : NamesIn(distros_)) {
    if (BeginsWith(name, kStagingPrefix)) {
      RemoveStaging(name.substr(sizeof(kStagingPrefix) - 1));
    } else if (IsUuid(name)) {
      // A crash came between the rename that counts and these.
      ::unlink((Folder(name) + kStagingFile).c_str());
      ::unlink((Folder(name) + kTrashFile).c_str());
      RemoveHalfWritten(Folder(name));
    }
  }
  for (const std::string& name : NamesIn(trash_)) {
    // A failure shows itself again at the next start; it must not keep the others from being listed.
    if (IsUuid(name)) RemoveHalfWritten(absl::StrCat(trash_, "/", name));
    if (BeginsWith(name, kPurgePrefix)) (void)FinishPurge(name.substr(sizeof(kPurgePrefix) - 1));
  }
}

void DistroFolders::RemoveClaim(const DistroRecord& record) const {
  if (record.location.empty()) return;
  const std::string claim = absl::StrCat(record.location, "/", kClaimFile);
  const absl::StatusOr<std::string> holder = ReadSmallFile(claim);
  if (holder.ok() && *holder == record.id) ::unlink(claim.c_str());
}

std::vector<RegistryEntry> DistroFolders::ReadAll() const {
  std::vector<RegistryEntry> entries;
  for (const std::string& name : NamesIn(distros_)) {
    const std::string folder = Folder(name);
    // A folder that someone copied or renamed is listed too, as broken, when it holds a record.
    const bool ours = IsUuid(name) || (name[0] != '.' && PathExists(absl::StrCat(folder, "/", kRecordFile)));
    if (ours && IsFolder(folder)) entries.push_back(ReadEntry(folder, name));
  }
  return entries;
}

std::vector<TrashEntry> DistroFolders::ReadTrash() const {
  std::vector<TrashEntry> entries;
  for (const std::string& name : NamesIn(trash_)) {
    const std::string folder = trash_ + "/" + name;
    struct stat st;
    if (name[0] == '.' || ::lstat(folder.c_str(), &st) != 0 || !S_ISDIR(st.st_mode)) continue;
    TrashEntry entry;
    entry.entry = ReadEntry(folder, name);
    const Json time = FieldOf(folder + kTrashFile, "delete_time_ns");
    // Without the file (the disk was full): the move changed the folder itself.
    entry.delete_time_ns = time.is_number_integer()
                               ? time.get<int64_t>()
                               : int64_t{st.st_ctim.tv_sec} * 1'000'000'000 + int64_t{st.st_ctim.tv_nsec};
    entry.purge_time_ns = entry.delete_time_ns + kTrashDays * kDayNs;
    entries.push_back(std::move(entry));
  }
  return entries;
}

absl::Status DistroFolders::MakeStaging(const std::string& id) const {
  RETURN_IF_ERROR(Failpoint("staging.make"));
  if (::mkdir(Staging(id).c_str(), 0700) != 0) return ErrnoError("cannot make the folder", Staging(id));
  return absl::OkStatus();
}

absl::StatusOr<bool> DistroFolders::StageLocation(const std::string& id, const std::string& location) const {
  if (location.empty() || location[0] != '/') {
    return Error(absl::StatusCode::kInvalidArgument, reason::kInvalidArgument,
                 absl::StrCat("The distro's folder must be an absolute path; '", Escaped(location), "' is not."),
                 {{"field", "location"}});
  }
  const bool made = !PathExists(location);
  const absl::Status taken =
      Error(absl::StatusCode::kAlreadyExists, reason::kFileExists,
            absl::StrCat(Escaped(location), " is there and is no empty folder; name one that is empty or not there."),
            {{"path", location}});
  if (!made && !IsEmptyFolder(location)) return taken;
  std::string marker;
  try {
    marker = Json({{"location", location}, {"made", made}}).dump();
  } catch (const Json::exception&) {
    return Error(absl::StatusCode::kInvalidArgument, reason::kInvalidArgument,
                 absl::StrCat("The path ", Escaped(location), " is not UTF-8; name another folder."),
                 {{"field", "location"}});
  }
  // First the note, then the folder: a crash between them leaves nothing unknown.
  RETURN_IF_ERROR(WriteFileAtomically(Staging(id) + kStagingFile, marker));
  RETURN_IF_ERROR(Failpoint("location.make"));
  if (made) {
    RETURN_IF_ERROR(MakeFolders(location));
    RETURN_IF_ERROR(SyncFolder(ParentPath(location)));
  }
  RETURN_IF_ERROR(Failpoint("location.claim"));
  // Another may have found it empty as well.
  const std::string claim = absl::StrCat(location, "/", kClaimFile);
  const UniqueFd file(::open(claim.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!file) return errno == EEXIST ? taken : ErrnoError("cannot make", claim);
  if (::write(file.get(), id.data(), id.size()) != static_cast<ssize_t>(id.size())) {
    return ErrnoError("cannot write", claim);
  }
  RETURN_IF_ERROR(Failpoint("location.claimed"));
  if (::fsync(file.get()) != 0) return ErrnoError("cannot sync", claim);
  return made;
}

void DistroFolders::RemoveStaging(const std::string& id) const {
  const std::string marker = Staging(id) + kStagingFile;
  const Json location = FieldOf(marker, "location");
  if (location.is_string()) {
    const std::string folder = location.get<std::string>();
    const Json made = FieldOf(marker, "made");
    const bool is_made = made.is_boolean() && made.get<bool>();
    // Whoever claimed it found it empty: all of ours in it is its. A crash may have left the claim without its id.
    const absl::StatusOr<std::string> claim = ReadSmallFile(absl::StrCat(folder, "/", kClaimFile));
    if (claim.ok() && (*claim == id || claim->empty())) {
      if (!EmptyLocation(folder, is_made).ok()) return;
    } else if (is_made) {
      (void)::rmdir(folder.c_str());
    }
  }
  (void)RemoveTree(Staging(id));
}

absl::Status DistroFolders::Publish(const std::string& id, const std::string& location) const {
  RETURN_IF_ERROR(Failpoint("publish.move"));
  RETURN_IF_ERROR(MoveFolder(Staging(id), Folder(id)));
  ::unlink((Folder(id) + kStagingFile).c_str());
  if (!location.empty()) ::unlink(absl::StrCat(location, "/", kClaimFile).c_str());
  return absl::OkStatus();
}

absl::Status DistroFolders::MoveToTrash(const std::string& id, int64_t now_ns) const {
  RETURN_IF_ERROR(Failpoint("trash.move"));
  RETURN_IF_ERROR(MoveFolder(Folder(id), trash_ + "/" + id));
  // On a full disk it can't be written, and the folder's change time does.
  (void)WriteFileAtomically(absl::StrCat(trash_, "/", id, kTrashFile), Json({{"delete_time_ns", now_ns}}).dump());
  return absl::OkStatus();
}

absl::Status DistroFolders::Restore(const std::string& id) const {
  RETURN_IF_ERROR(Failpoint("restore.move"));
  RETURN_IF_ERROR(MoveFolder(trash_ + "/" + id, Folder(id)));
  ::unlink((Folder(id) + kTrashFile).c_str());
  return absl::OkStatus();
}

absl::Status DistroFolders::BeginPurge(const std::string& id, bool from_trash) const {
  RETURN_IF_ERROR(Failpoint("purge.move"));
  return MoveFolder(from_trash ? trash_ + "/" + id : Folder(id), absl::StrCat(trash_, "/", kPurgePrefix, id));
}

absl::Status DistroFolders::FinishPurge(const std::string& id) const {
  const std::string folder = absl::StrCat(trash_, "/", kPurgePrefix, id);
  RETURN_IF_ERROR(Failpoint("purge.location"));
  RETURN_IF_ERROR(EmptyLocationOf(folder));
  RETURN_IF_ERROR(Failpoint("purge.remove"));
  return RemoveTree(folder);
}

}  // namespace wslm
