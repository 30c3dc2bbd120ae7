#include "runtime-v2/agent/mount_namespaces.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>

#include <map>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "distros/host/error.h"
#include "distros/host/status_macros.h"
#include "runtime-v2/agent/file.h"
#include "runtime-v2/agent/processes.h"

namespace wslm {
namespace {

constexpr char kOwnNamespace[] = "/proc/self/ns/mnt";

absl::StatusOr<UniqueFd> Open(const std::string& path, int flags) {
  UniqueFd file(::open(path.c_str(), flags | O_CLOEXEC));
  if (!file) return ErrnoError("cannot open", path);
  return file;
}

absl::Status Enter(const UniqueFd& mount_namespace) {
  if (::setns(mount_namespace.get(), CLONE_NEWNS) != 0) return ErrnoError("cannot enter", "mount namespace");
  return absl::OkStatus();
}

std::optional<ino_t> InodeOf(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return std::nullopt;
  return status.st_ino;
}

// The number of the mount namespace that is mounted there, if one is.
std::optional<ino_t> NamespaceMounted(const MountLine& mount) {
  absl::string_view number = mount.root;
  ino_t inode = 0;
  if (mount.type != "nsfs" || !absl::ConsumePrefix(&number, "mnt:[") || !absl::ConsumeSuffix(&number, "]") ||
      !absl::SimpleAtoi(number, &inode)) {
    return std::nullopt;
  }
  return inode;
}

// Those of processes, that of the lowest number first, then those that processes have open.
std::vector<MountNamespace> NamespacesOfProcesses() {
  std::vector<MountNamespace> found;
  const auto add = [&](pid_t pid, const std::string& path) {
    const auto inode = InodeOf(path);
    const auto started = StartOfProcess(pid);
    if (inode && started) found.push_back({pid, *started, *inode, {path}});
  };
  const std::vector<pid_t> processes = Processes();
  for (const pid_t pid : processes) add(pid, absl::StrCat("/proc/", pid, "/ns/mnt"));
  for (const pid_t pid : processes) {
    for (const OpenFileOf& file : OpenFilesOf(pid)) {
      if (file.target.starts_with("mnt:[")) add(pid, file.path);
    }
  }
  return found;
}

absl::Status NotToBeHad(const MountNamespace& where, const absl::Status& why) {
  return Error(absl::StatusCode::kFailedPrecondition, reason::kDistroRunning,
               absl::StrCat("The mount namespace that is kept at ", Escaped(UnescapedPath(where.way.back())),
                            " may have the host's files, and can't be entered: ", why.message(), "."));
}

}  // namespace

absl::StatusOr<NamespaceVisit> NamespaceVisit::Begin() {
  NamespaceVisit visit;
  ASSIGN_OR_RETURN(visit.home_, Open(kOwnNamespace, O_RDONLY));
  ASSIGN_OR_RETURN(visit.proc_, Open("/proc", O_RDONLY | O_DIRECTORY));
  return visit;
}

NamespaceVisit::~NamespaceVisit() {
  if (home_) ::setns(home_.get(), CLONE_NEWNS);
}

absl::Status NamespaceVisit::GoHome() { return wslm::Enter(home_); }

absl::Status NamespaceVisit::Enter(const MountNamespace& where) {
  RETURN_IF_ERROR(GoHome());
  const auto gone = [&] { return ErrnoError("cannot enter the mount namespace", where.way.back(), ENOENT); };
  if (StartOfProcess(where.process) != where.process_started) return gone();
  struct stat status {};
  for (const std::string& path : where.way) {
    ASSIGN_OR_RETURN(const UniqueFd file, Open(UnescapedPath(path), O_RDONLY));
    RETURN_IF_ERROR(wslm::Enter(file));
    if (::fstat(file.get(), &status) != 0) return ErrnoError("cannot read", path);
  }
  if (status.st_ino != where.inode) return gone();
  return absl::OkStatus();
}

absl::StatusOr<std::vector<MountLine>> NamespaceVisit::Mounts() const {
  const UniqueFd file(::openat(proc_.get(), "self/mountinfo", O_RDONLY | O_CLOEXEC));
  if (!file) return ErrnoError("cannot open", "mountinfo");
  ASSIGN_OR_RETURN(const std::string text, ReadAll(file.get(), "mountinfo"));
  return ParseMountTable(text);
}

absl::StatusOr<std::vector<NamespaceMounts>> MountsOfOtherNamespaces(NamespaceVisit& visit) {
  std::vector<NamespaceMounts> found;
  std::set<ino_t> seen;
  if (const auto own = InodeOf(kOwnNamespace)) seen.insert(*own);
  std::map<ino_t, absl::Status> missed;
  std::vector<MountNamespace> next = NamespacesOfProcesses();
  for (size_t i = 0; i < next.size(); ++i) {
    const MountNamespace where = next[i];
    if (seen.contains(where.inode)) continue;
    const absl::Status entered = visit.Enter(where);
    // Its process has just ended.
    if (where.way.size() == 1 && absl::IsNotFound(entered)) continue;
    if (!entered.ok()) {
      missed.emplace(where.inode, NotToBeHad(where, entered));
      continue;
    }
    seen.insert(where.inode);
    ASSIGN_OR_RETURN(auto mounts, visit.Mounts());
    for (const MountLine& mount : mounts) {
      const auto inode = NamespaceMounted(mount);
      if (!inode || seen.contains(*inode)) continue;
      next.push_back({where.process, where.process_started, *inode, where.way});
      next.back().way.push_back(mount.point);
    }
    found.push_back({where, std::move(mounts)});
  }
  RETURN_IF_ERROR(visit.GoHome());
  for (const auto& [inode, status] : missed) {
    if (!seen.contains(inode)) return status;
  }
  return found;
}

}  // namespace wslm
