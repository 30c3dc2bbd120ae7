#include "runtime-v2/agent/cgroup.h"

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "distros/host/error.h"
#include "distros/host/files.h"
#include "distros/host/status_macros.h"
#include "runtime-v2/agent/device_rule.h"
#include "runtime-v2/agent/file.h"
#include "runtime-v2/agent/log.h"

namespace wslm {
namespace {

constexpr char kRoot[] = "/sys/fs/cgroup";
constexpr char kParent[] = "/sys/fs/cgroup/wslm";
constexpr char kLeaf[] = "/init.scope";
constexpr int kEmptyTries = 100;
constexpr int kFrozenTries = 1000;
constexpr useconds_t kPause = 10'000;
// Of cpu.max, in microseconds: the kernel's own.
constexpr int64_t kPeriod = 100'000;
// With less no distro starts, and so none could be given more again.
constexpr int64_t kLeastMemory = int64_t{32} << 20;
constexpr int64_t kLeastProcesses = 16;
constexpr int64_t kMostProcessors = 1024;

std::string CgroupOf(const std::string& distro_id) { return absl::StrCat(kParent, "/", distro_id); }
std::string SeenRootOf(const std::string& distro_id) { return CgroupOf(distro_id) + kSeenRoot; }

// Lets the groups below have limits of their own.
void EnableControllers(const std::string& cgroup) {
  for (const char* controller : {"+cpu", "+memory", "+pids", "+io", "+cpuset"}) {
    LogIfError("cgroup", WriteInOne(cgroup + "/cgroup.subtree_control", controller));
  }
}

void Limit(const std::string& cgroup, const char* file, const std::string& value) {
  LogIfError("cgroup", WriteInOne(cgroup + "/" + file, value));
}

void SetLimits(const std::string& cgroup, const WslConf& conf) {
  if (conf.memory) Limit(cgroup, "memory.max", std::to_string(std::max(*conf.memory, kLeastMemory)));
  if (conf.processors) {
    const int64_t share = std::min(*conf.processors, kMostProcessors) * kPeriod;
    Limit(cgroup, "cpu.max", std::to_string(share) + " " + std::to_string(kPeriod));
  }
  if (conf.processes) Limit(cgroup, "pids.max", std::to_string(std::max(*conf.processes, kLeastProcesses)));
}

void RemoveFolders(const std::string& cgroup) {
  if (DIR* directory = ::opendir(cgroup.c_str()); directory != nullptr) {
    while (const dirent* entry = ::readdir(directory)) {
      const std::string name = entry->d_name;
      if (entry->d_type == DT_DIR && name != "." && name != "..") RemoveFolders(cgroup + "/" + name);
    }
    ::closedir(directory);
  }
  if (::rmdir(cgroup.c_str()) != 0) LogIfError("cgroup", ErrnoError("cannot remove", cgroup));
}

// Whether the group's events come to say so, which takes a while.
bool WaitForEvent(const std::string& cgroup, const char* event, int tries) {
  for (int i = 0; i < tries; ++i) {
    if (absl::StrContains(ReadSmallFile(cgroup + "/cgroup.events").value_or(""), event)) return true;
    ::usleep(kPause);
  }
  return false;
}

}  // namespace

absl::Status PrepareCgroups() {
  if (::mkdir(kParent, 0755) != 0) return ErrnoError("cannot make", kParent);
  EnableControllers(kRoot);
  EnableControllers(kParent);
  return absl::OkStatus();
}

absl::Status EnterCgroup(const std::string& distro_id, const WslConf& conf, dev_t disk, bool shared_disks) {
  // Another rule would be added to that of a group that a failed start left.
  RemoveCgroup(distro_id);
  const std::string cgroup = CgroupOf(distro_id);
  const std::string seen_root = SeenRootOf(distro_id);
  for (const std::string& folder : {cgroup, seen_root, seen_root + kLeaf}) {
    if (::mkdir(folder.c_str(), 0755) != 0) return ErrnoError("cannot make", folder);
  }
  EnableControllers(cgroup);
  RETURN_IF_ERROR(DenyOtherDisks(cgroup, disk, shared_disks));
  SetLimits(cgroup, conf);
  // For programs that look how much they have. A process in a namespace further in could change these, not those above.
  SetLimits(seen_root, conf);
  return WriteInOne(seen_root + "/cgroup.procs", "0");
}

absl::Status EnterLeafCgroup(const std::string& distro_id) {
  return WriteInOne(absl::StrCat(SeenRootOf(distro_id), kLeaf, "/cgroup.procs"), "0");
}

absl::Status LeaveCgroup(const std::string& distro_id) {
  RETURN_IF_ERROR(WriteInOne(absl::StrCat(kRoot, "/cgroup.procs"), "0"));
  EnableControllers(SeenRootOf(distro_id));
  return absl::OkStatus();
}

absl::Status FreezeCgroup(const std::string& distro_id) {
  const std::string cgroup = CgroupOf(distro_id);
  RETURN_IF_ERROR(WriteInOne(cgroup + "/cgroup.freeze", "1"));
  if (WaitForEvent(cgroup, "frozen 1", kFrozenTries)) return absl::OkStatus();
  return Error(absl::StatusCode::kDeadlineExceeded, reason::kDistroBusy,
               "Its processes can't be stopped at the moment.");
}

absl::Status ThawCgroup(const std::string& distro_id) {
  return WriteInOne(CgroupOf(distro_id) + "/cgroup.freeze", "0");
}

void RemoveCgroup(const std::string& distro_id) {
  const std::string cgroup = CgroupOf(distro_id);
  if (::access(cgroup.c_str(), F_OK) != 0) return;
  LogIfError("cgroup", WriteInOne(cgroup + "/cgroup.kill", "1"));
  WaitForEvent(cgroup, "populated 0", kEmptyTries);
  RemoveFolders(cgroup);
}

}  // namespace wslm
