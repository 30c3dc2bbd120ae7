#include "runtime-v1/lxcore/user_namespaces.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "runtime-v1/lxcore/process_facts.h"

namespace wslm::lxcore {
namespace {

// The one id that the host's kernel can give it.
constexpr std::string_view kNativeMap = "0 0 1\n";
constexpr uint32_t kNativeRoot = 0;
const IdMap kEveryId{{{0, 0, UINT32_MAX}}};
const IdMap kNoId;

std::string UserNamespaceOf(const std::string& process) { return process + "/ns/user"; }

ino_t InodeOf(const std::string& name) {
  struct stat space;
  return ::stat(name.c_str(), &space) == 0 ? space.st_ino : 0;
}

bool WriteWhole(const std::string& name, std::string_view text) {
  const int fd = ::open(name.c_str(), O_WRONLY | O_CLOEXEC);
  const bool written = fd >= 0 && ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  if (fd >= 0) ::close(fd);
  return written;
}

// Writes the kernel's own map, which only who is in the parent of the namespace may.
void WriteNativeMap(const std::string& name, int parent, bool parent_is_own) {
  if (parent_is_own) {
    WriteWhole(name, kNativeMap);
    return;
  }
  const pid_t child = ::fork();
  if (child == 0) ::_exit(::setns(parent, CLONE_NEWUSER) == 0 && WriteWhole(name, kNativeMap) ? 0 : 1);
  while (child > 0 && ::waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
  }
}

std::string ContentOf(const UniqueFd& file) {
  char text[8192];
  const ssize_t size = ::pread(file.get(), text, sizeof(text), 0);
  return {text, size > 0 ? static_cast<size_t>(size) : 0};
}

UniqueFd OpenAnew(const UniqueFd& file, int mode) {
  return UniqueFd(::open(("self/fd/" + std::to_string(file.get())).c_str(), mode | O_CLOEXEC));
}

bool IsUnmapped(const std::string& process) {
  return ReadProcFile(AT_FDCWD, process + "/uid_map").empty() && ReadProcFile(AT_FDCWD, process + "/gid_map").empty();
}

// A file that says EPERM to every write.
UniqueFd SealedFile() {
  UniqueFd file(::memfd_create("proc", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (file) ::fcntl(file.get(), F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL);
  return file;
}

// How a namespace is kept (SharedState::kLayout); the ranges of users follow, then those of groups.
struct KeptMap {
  uint32_t writer, writer_maps_any, ranges;
};
struct KeptSpace {
  uint64_t parent;
  uint32_t mapped, set_groups_denied;
  KeptMap uids, gids;
};
static_assert(sizeof(KeptSpace) == 40 && sizeof(IdMap::Range) == 12);

void AppendRanges(std::string& bytes, const IdMap& map) {
  bytes.append(reinterpret_cast<const char*>(map.ranges.data()), map.ranges.size() * sizeof(map.ranges[0]));
}

void TakeRanges(std::string_view& bytes, size_t count, IdMap& map) {
  map.ranges.resize(std::min(count, bytes.size() / sizeof(map.ranges[0])));
  const size_t size = map.ranges.size() * sizeof(map.ranges[0]);
  std::memcpy(map.ranges.data(), bytes.data(), size);
  bytes.remove_prefix(size);
}

}  // namespace

UserNamespaces::UserNamespaces(int proc, KeptLog* kept, KeptFiles* files) : proc_(proc), kept_(kept), files_(files) {
  struct stat space;
  own_ = ::fstatat(proc_, "self/ns/user", &space, 0) == 0 ? space.st_ino : 0;
  if (kept_ != nullptr) ReadKept();
}

void UserNamespaces::ReadKept() {
  kept_->ForEach(KeptKind::kUserSpace, [this](std::string_view key, std::string_view value) {
    ino_t inode;
    KeptSpace kept;
    if (!FromBytes(key, inode) || value.size() < sizeof(kept)) return;
    std::memcpy(&kept, value.data(), sizeof(kept));
    value.remove_prefix(sizeof(kept));
    Space& space = spaces_[inode];
    space.parent = kept.parent;
    space.mapped = kept.mapped != 0;
    space.set_groups_denied = kept.set_groups_denied != 0;
    for (const auto& [map, from] : {std::pair(&space.uids, &kept.uids), std::pair(&space.gids, &kept.gids)}) {
      map->writer = from->writer;
      map->writer_maps_any = from->writer_maps_any != 0;
      TakeRanges(value, from->ranges, map->map);
    }
  });
  for (auto& [inode, file] : files_->TakeLeft(KeptFiles::kUidMap)) spaces_[inode].uids.written = std::move(file);
  for (auto& [inode, file] : files_->TakeLeft(KeptFiles::kGidMap)) spaces_[inode].gids.written = std::move(file);
  for (auto& [inode, file] : files_->TakeLeft(KeptFiles::kSetGroups)) spaces_[inode].set_groups = std::move(file);
}

// Without room for it, the next lxcore knows no map.
void UserNamespaces::Keep(ino_t inode, const Space& space) {
  if (kept_ == nullptr) return;
  const auto form = [](const Map& map) {
    return KeptMap{map.writer, map.writer_maps_any, static_cast<uint32_t>(map.map.ranges.size())};
  };
  const KeptSpace kept = {.parent = space.parent,
                          .mapped = space.mapped,
                          .set_groups_denied = space.set_groups_denied,
                          .uids = form(space.uids),
                          .gids = form(space.gids)};
  std::string bytes(BytesOf(kept));
  AppendRanges(bytes, space.uids.map);
  AppendRanges(bytes, space.gids.map);
  static_cast<void>(kept_->Put(KeptKind::kUserSpace, BytesOf(inode), bytes));
}

bool UserNamespaces::IsOurs(std::string_view file) {
  return file == "uid_map" || file == "gid_map" || file == "setgroups";
}

const IdMap& UserNamespaces::MapOf(const std::string& process, Ids ids) {
  const ino_t inode = InodeOf(UserNamespaceOf(process));
  if (inode == own_) return kEveryId;
  const auto found = spaces_.find(inode);
  return found == spaces_.end() ? kNoId : Settle(inode, found->second, ids);
}

bool UserNamespaces::IsMapped(const std::string& process, const Credentials& c) {
  // The numbers of namespaces are used again: what is known may be of another.
  const std::optional<IdMap> native = ParseIdMap(ReadProcFile(AT_FDCWD, process + "/uid_map"));
  if (!native) return false;
  const ino_t inode = InodeOf(UserNamespaceOf(process));
  Space& space = spaces_[inode];
  if (!space.mapped || native->ranges[0].inside != kNativeRoot) {
    // Written past lxcore, by a descriptor of a procfs that is mounted nowhere any more: it has the one id, and its
    // groups are written in the same way.
    const uint32_t inside = native->ranges[0].inside;
    const std::optional<IdMap> groups = ParseIdMap(ReadProcFile(AT_FDCWD, process + "/gid_map"));
    if (!groups) return false;
    space = Space{.set_groups_denied = true, .mapped = true};
    space.uids.map.ranges = {{inside, c.euid, 1}};
    space.gids.map.ranges = {{groups->ranges[0].inside, c.egid, 1}};
    Keep(inode, space);
  }
  return !MapOf(process, Ids::kUsers).ranges.empty();
}

const IdMap& UserNamespaces::Settle(ino_t inode, Space& space, Ids ids) {
  const bool users = ids == Ids::kUsers;
  Map& map = users ? space.uids : space.gids;
  if (!map.written) return map.map;
  const std::string text = ContentOf(map.written);
  if (text.empty()) return map.map;
  map.map = WishedMap(inode, space, ids, text);
  map.written.Reset();
  Keep(inode, space);
  if (files_ != nullptr) files_->Remove({users ? KeptFiles::kUidMap : KeptFiles::kGidMap, inode});
  return map.map;
}

IdMap UserNamespaces::WishedMap(ino_t inode, Space& space, Ids ids, const std::string& text) {
  const bool users = ids == Ids::kUsers;
  const Map& map = users ? space.uids : space.gids;
  std::optional<IdMap> wish = ParseIdMap(text);
  if (!wish) return kNoId;
  if (space.parent != own_) {
    const auto parent = spaces_.find(space.parent);
    if (parent == spaces_.end()) return kNoId;
    const IdMap outer = Settle(parent->first, parent->second, ids);
    for (IdMap::Range& range : wish->ranges) {
      const std::optional<uint32_t> first = outer.Outside(range.outside);
      const std::optional<uint32_t> last = outer.Outside(range.outside + range.count - 1);
      if (!first || !last || *last - *first != range.count - 1) return kNoId;
      range.outside = *first;
    }
  }
  // user_namespaces(7), "Defining user and group ID mappings": who has the right in the parent may map any id, all
  // others their own.
  if (map.writer_maps_any) return *std::move(wish);
  if (wish->ranges.size() != 1 || wish->ranges[0].count != 1 || wish->ranges[0].outside != map.writer) return kNoId;
  SettleSetGroups(inode, space);
  return users || space.set_groups_denied ? *std::move(wish) : kNoId;
}

void UserNamespaces::SettleSetGroups(ino_t inode, Space& space) {
  if (!space.set_groups) return;
  const std::string text = ContentOf(space.set_groups);
  if (text.empty()) return;
  space.set_groups_denied = text.starts_with("deny");
  space.set_groups.Reset();
  Keep(inode, space);
  if (files_ != nullptr) files_->Remove({KeptFiles::kSetGroups, inode});
}

bool UserNamespaces::SetGroupsAllowed(const std::string& process) {
  const ino_t inode = InodeOf(UserNamespaceOf(process));
  if (inode == own_) return true;
  const auto found = spaces_.find(inode);
  // Not before there is a map.
  if (found == spaces_.end() || Settle(inode, found->second, Ids::kGroups).ranges.empty()) return false;
  SettleSetGroups(inode, found->second);
  return !found->second.set_groups_denied;
}

UniqueFd UserNamespaces::OpenToWrite(const std::string& process, std::string_view file, const Credentials& c,
                                     pid_t opener) {
  UniqueFd space_fd(::open(UserNamespaceOf(process).c_str(), O_RDONLY | O_CLOEXEC));
  struct stat status;
  if (!space_fd || ::fstat(space_fd.get(), &status) != 0) return {};
  const ino_t inode = status.st_ino;
  if (inode == own_) return SealedFile();
  UniqueFd parent(::ioctl(space_fd.get(), NS_GET_PARENT));
  if (!parent || ::fstat(parent.get(), &status) != 0) return {};
  const ino_t openers = InodeOf(UserNamespaceOf(std::to_string(opener)));
  if (openers != inode && openers != status.st_ino) return SealedFile();
  Space& space = spaces_[inode];
  // The numbers of namespaces are used again: one that the kernel has no map for is new.
  if (IsUnmapped(process) && (space.mapped || file == "setgroups")) {
    space = Space{};
    if (files_ != nullptr) {
      for (const auto kind : {KeptFiles::kUidMap, KeptFiles::kGidMap, KeptFiles::kSetGroups})
        files_->Remove({kind, inode});
    }
  }
  space.parent = status.st_ino;
  Keep(inode, space);
  UniqueFd copy(::memfd_create("proc", MFD_CLOEXEC));
  UniqueFd theirs = OpenAnew(copy, O_WRONLY);
  if (!copy || !theirs) return {};
  if (file == "setgroups") {
    SettleSetGroups(inode, space);
    if (space.set_groups_denied || !space.gids.map.ranges.empty()) return SealedFile();
    if (files_ != nullptr) files_->Put({KeptFiles::kSetGroups, inode}, copy.get());
    space.set_groups = std::move(copy);
    return theirs;
  }
  const Ids ids = file == "uid_map" ? Ids::kUsers : Ids::kGroups;
  if (!Settle(inode, space, ids).ranges.empty()) return SealedFile();
  WriteNativeMap(process + "/" + std::string(file), parent.get(), status.st_ino == own_);
  space.mapped = true;
  Map& map = ids == Ids::kUsers ? space.uids : space.gids;
  const bool users = ids == Ids::kUsers;
  map.writer = users ? c.euid : c.egid;
  map.writer_maps_any = openers == space.parent && c.HasHere(users ? CAP_SETUID : CAP_SETGID);
  Keep(inode, space);
  if (files_ != nullptr) files_->Put({users ? KeptFiles::kUidMap : KeptFiles::kGidMap, inode}, copy.get());
  map.written = std::move(copy);
  return theirs;
}

std::string UserNamespaces::TextOf(const std::string& process, std::string_view file) {
  if (IsUnmapped(process) && file != "setgroups") return "";
  if (file == "setgroups") return SetGroupsAllowed(process) ? "allow\n" : "deny\n";
  return MapOf(process, file == "uid_map" ? Ids::kUsers : Ids::kGroups).Text();
}

}  // namespace wslm::lxcore
