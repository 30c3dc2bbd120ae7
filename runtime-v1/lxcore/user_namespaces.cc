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

}  // namespace

UserNamespaces::UserNamespaces(int proc) : proc_(proc) {
  struct stat space;
  own_ = ::fstatat(proc_, "self/ns/user", &space, 0) == 0 ? space.st_ino : 0;
}

bool UserNamespaces::IsOurs(std::string_view file) {
  return file == "uid_map" || file == "gid_map" || file == "setgroups";
}

const IdMap& UserNamespaces::MapOf(const std::string& process, Ids ids) {
  const ino_t inode = InodeOf(UserNamespaceOf(process));
  if (inode == own_) return kEveryId;
  const auto found = spaces_.find(inode);
  return found == spaces_.end() ? kNoId : Settle(found->second, ids);
}

bool UserNamespaces::IsMapped(const std::string& process, const Credentials& c) {
  // The numbers of namespaces are used again: what is known may be of another.
  const std::optional<IdMap> native = ParseIdMap(ReadProcFile(AT_FDCWD, process + "/uid_map"));
  if (!native) return false;
  Space& space = spaces_[InodeOf(UserNamespaceOf(process))];
  if (!space.mapped || native->ranges[0].inside != kNativeRoot) {
    // Written past lxcore, by a descriptor of a procfs that is mounted nowhere any more: it has the one id, and its
    // groups are written in the same way.
    const uint32_t inside = native->ranges[0].inside;
    const std::optional<IdMap> groups = ParseIdMap(ReadProcFile(AT_FDCWD, process + "/gid_map"));
    if (!groups) return false;
    space = Space{.set_groups_denied = true, .mapped = true};
    space.uids.map.ranges = {{inside, c.euid, 1}};
    space.gids.map.ranges = {{groups->ranges[0].inside, c.egid, 1}};
  }
  return !MapOf(process, Ids::kUsers).ranges.empty();
}

const IdMap& UserNamespaces::Settle(Space& space, Ids ids) {
  const bool users = ids == Ids::kUsers;
  Map& map = users ? space.uids : space.gids;
  if (!map.written) return map.map;
  const std::string text = ContentOf(map.written);
  if (text.empty()) return map.map;
  map.written.Reset();
  std::optional<IdMap> wish = ParseIdMap(text);
  if (!wish) return map.map;
  if (space.parent != own_) {
    const auto parent = spaces_.find(space.parent);
    if (parent == spaces_.end()) return map.map;
    const IdMap outer = Settle(parent->second, ids);
    for (IdMap::Range& range : wish->ranges) {
      const std::optional<uint32_t> first = outer.Outside(range.outside);
      const std::optional<uint32_t> last = outer.Outside(range.outside + range.count - 1);
      if (!first || !last || *last - *first != range.count - 1) return map.map;
      range.outside = *first;
    }
  }
  // user_namespaces(7), "Defining user and group ID mappings": who has the right in the parent may map any id, all
  // others their own.
  bool allowed = map.writer_in_parent && map.writer.HasHere(users ? CAP_SETUID : CAP_SETGID);
  if (!allowed && wish->ranges.size() == 1 && wish->ranges[0].count == 1) {
    SettleSetGroups(space);
    allowed = users ? wish->ranges[0].outside == map.writer.euid
                    : wish->ranges[0].outside == map.writer.egid && space.set_groups_denied;
  }
  if (allowed) map.map = *std::move(wish);
  return map.map;
}

void UserNamespaces::SettleSetGroups(Space& space) {
  if (!space.set_groups) return;
  const std::string text = ContentOf(space.set_groups);
  if (text.empty()) return;
  space.set_groups_denied = text.starts_with("deny");
  space.set_groups.Reset();
}

bool UserNamespaces::SetGroupsAllowed(const std::string& process) {
  const ino_t inode = InodeOf(UserNamespaceOf(process));
  if (inode == own_) return true;
  const auto found = spaces_.find(inode);
  // Not before there is a map.
  if (found == spaces_.end() || Settle(found->second, Ids::kGroups).ranges.empty()) return false;
  SettleSetGroups(found->second);
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
  if (IsUnmapped(process) && (space.mapped || file == "setgroups")) space = Space{};
  space.parent = status.st_ino;
  UniqueFd copy(::memfd_create("proc", MFD_CLOEXEC));
  UniqueFd theirs = OpenAnew(copy, O_WRONLY);
  if (!copy || !theirs) return {};
  if (file == "setgroups") {
    SettleSetGroups(space);
    if (space.set_groups_denied || !space.gids.map.ranges.empty()) return SealedFile();
    space.set_groups = std::move(copy);
    return theirs;
  }
  const Ids ids = file == "uid_map" ? Ids::kUsers : Ids::kGroups;
  if (!Settle(space, ids).ranges.empty()) return SealedFile();
  WriteNativeMap(process + "/" + std::string(file), parent.get(), status.st_ino == own_);
  space.mapped = true;
  Map& map = ids == Ids::kUsers ? space.uids : space.gids;
  map.written = std::move(copy);
  map.writer = c;
  map.writer_in_parent = openers == space.parent;
  return theirs;
}

std::string UserNamespaces::TextOf(const std::string& process, std::string_view file) {
  if (IsUnmapped(process) && file != "setgroups") return "";
  if (file == "setgroups") return SetGroupsAllowed(process) ? "allow\n" : "deny\n";
  return MapOf(process, file == "uid_map" ? Ids::kUsers : Ids::kGroups).Text();
}

}  // namespace wslm::lxcore
