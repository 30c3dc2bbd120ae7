#include "runtime-v1/lxcore/ipc_objects.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <iterator>
#include <optional>
#include <vector>

#include "distros/host/unique_fd.h"

namespace wslm::lxcore {
namespace {

constexpr size_t kIdColumn = 1;

// The first of the two columns of processes and of the four uid, gid, cuid, cgid in a file of /proc/sysvipc.
struct Layout {
  size_t pids, pid_count, owners;
};

Layout LayoutOf(IpcKind kind) {
  switch (kind) {
    case IpcKind::kMemory:
      return {.pids = 4, .pid_count = 2, .owners = 7};
    case IpcKind::kMessages:
      return {.pids = 5, .pid_count = 2, .owners = 7};
    case IpcKind::kSemaphores:
      break;
  }
  return {.pids = 0, .pid_count = 0, .owners = 4};
}

// A column with the blanks before it.
std::vector<std::string_view> ColumnsOf(std::string_view line) {
  std::vector<std::string_view> columns;
  while (!line.empty()) {
    const size_t start = line.find_first_not_of(' ');
    const size_t end = start == std::string_view::npos ? start : line.find(' ', start);
    columns.push_back(line.substr(0, end));
    line.remove_prefix(std::min(line.size(), end));
  }
  return columns;
}

// nullopt: it isn't one.
std::optional<uint32_t> NumberIn(std::string_view column) {
  column.remove_prefix(std::min(column.size(), column.find_first_not_of(' ')));
  uint32_t number;
  if (std::from_chars(column.data(), column.data() + column.size(), number).ec != std::errc()) return std::nullopt;
  return number;
}

void AppendColumn(std::string& text, uint32_t value) {
  char column[16];
  std::snprintf(column, sizeof(column), " %5u", value);
  text += column;
}

}  // namespace

IpcObjects::IpcObjects(int proc, KeptLog* kept) : proc_(proc), kept_(kept) {
  if (kept_ == nullptr) return;
  kept_->ForEach(KeptKind::kIpcOwner, [this](std::string_view key_bytes, std::string_view owner_bytes) {
    Key key;
    IpcOwner owner;
    if (FromBytes(key_bytes, key) && FromBytes(owner_bytes, owner)) owners_.emplace(key, owner);
  });
}

int IpcObjects::Enter(pid_t tid) {
  const std::string name = std::to_string(tid) + "/ns/ipc";
  struct stat space;
  if (::fstatat(proc_, name.c_str(), &space, 0) != 0) return errno;
  if (space.st_ino == space_) return 0;
  const UniqueFd file(::openat(proc_, name.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file || ::setns(file.get(), CLONE_NEWIPC) != 0) return errno;
  space_ = space.st_ino;
  return 0;
}

IpcOwner IpcObjects::OwnerOf(IpcKind kind, int id) const {
  const auto found = owners_.find(KeyOf(kind, id));
  return found == owners_.end() ? IpcOwner{} : found->second;
}

bool IpcObjects::Set(IpcKind kind, int id, const IpcOwner& owner) {
  const Key key = KeyOf(kind, id);
  if (kept_ != nullptr && !kept_->Put(KeptKind::kIpcOwner, BytesOf(key), BytesOf(owner))) return false;
  owners_.insert_or_assign(key, owner);
  return true;
}

void IpcObjects::Forget(IpcKind kind, int id) {
  const Key key = KeyOf(kind, id);
  if (kept_ != nullptr) kept_->Remove(KeptKind::kIpcOwner, BytesOf(key));
  owners_.erase(key);
}

std::string IpcObjects::VirtualList(IpcKind kind, std::string_view text, const Numbers& numbers) const {
  const Layout layout = LayoutOf(kind);
  std::string list;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    const std::vector<std::string_view> columns = ColumnsOf(line);
    const std::optional<uint32_t> id = columns.size() > kIdColumn ? NumberIn(columns[kIdColumn]) : std::nullopt;
    if (!id) {
      list.append(line).push_back('\n');
      continue;
    }
    const IpcOwner owner = OwnerOf(kind, static_cast<int>(*id));
    const uint32_t owners[] = {numbers.uid(owner.uid), numbers.gid(owner.gid), numbers.uid(owner.creator_uid),
                               numbers.gid(owner.creator_gid)};
    for (size_t i = 0; i < columns.size(); ++i) {
      if (i - layout.pids < layout.pid_count) {
        AppendColumn(list, numbers.pid(NumberIn(columns[i]).value_or(0)));
      } else if (i - layout.owners < std::size(owners)) {
        AppendColumn(list, owners[i - layout.owners]);
      } else {
        list += columns[i];
      }
    }
    list += '\n';
  }
  return list;
}

bool IpcMayAccess(const Credentials& c, const IpcOwner& owner, uint32_t mode, uint32_t wanted) {
  uint32_t granted = mode;
  if (c.euid == owner.creator_uid || c.euid == owner.uid) {
    granted >>= 6;
  } else if (c.InGroup(owner.creator_gid) || c.InGroup(owner.gid)) {
    granted >>= 3;
  }
  const uint32_t asked = (wanted >> 6) | (wanted >> 3) | wanted;
  return (asked & ~granted & 7) == 0 || c.Has(CAP_IPC_OWNER);
}

bool IpcMayControl(const Credentials& c, const IpcOwner& owner) {
  return c.euid == owner.creator_uid || c.euid == owner.uid || c.Has(CAP_SYS_ADMIN);
}

}  // namespace wslm::lxcore
