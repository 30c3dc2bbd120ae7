#include "runtime-v2/agent/cgroup.h"

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "absl/strings/str_cat.h"
#include "distros/host/error.h"
#include "distros/host/status_macros.h"
#include "runtime-v2/agent/device_rule.h"
#include "runtime-v2/agent/file.h"
#include "runtime-v2/agent/log.h"

namespace wslm {
namespace {

constexpr char kRoot[] = "/sys/fs/cgroup";
constexpr char kParent[] = "/sys/fs/cgroup/wslm";
constexpr char kLeaf[] = "/init.scope";
// Of cpu.max, in microseconds: the kernel's own.
constexpr int64_t kPeriod = 100'000;
// With less no distro starts, and so none could be given more again.
constexpr int64_t kLeastMemory = int64_t{32} << 20;
constexpr int64_t kLeastProcesses = 16;
constexpr int64_t kMostProcessors = 1024;

std::string CgroupOf(const std::string& distro_id) { return absl::StrCat(kParent, "/", distro_id); }

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
  ::rmdir(cgroup.c_str());
}

}  // namespace

absl::Status EnterCgroup(const std::string& distro_id, const WslConf& conf, dev_t disk, bool shared_disks) {
  if (::mkdir(kParent, 0755) == 0) {
    EnableControllers(kRoot);
    EnableControllers(kParent);
  }
  const std::string cgroup = CgroupOf(distro_id);
  const std::string leaf = cgroup + kLeaf;
  for (const std::string& folder : {cgroup, leaf}) {
    if (::mkdir(folder.c_str(), 0755) != 0 && errno != EEXIST) return ErrnoError("cannot make", folder);
  }
  RETURN_IF_ERROR(DenyOtherDisks(cgroup, disk, shared_disks));
  SetLimits(cgroup, conf);
  return WriteInOne(cgroup + "/cgroup.procs", "0");
}

absl::Status EnterLeafCgroup(const std::string& distro_id) {
  return WriteInOne(absl::StrCat(CgroupOf(distro_id), kLeaf, "/cgroup.procs"), "0");
}

absl::Status LeaveCgroup(const std::string& distro_id) {
  RETURN_IF_ERROR(WriteInOne(absl::StrCat(kRoot, "/cgroup.procs"), "0"));
  EnableControllers(CgroupOf(distro_id));
  return absl::OkStatus();
}

void RemoveCgroup(const std::string& distro_id) {
  const std::string cgroup = CgroupOf(distro_id);
  if (::access(cgroup.c_str(), F_OK) != 0) return;
  LogIfError("stop", WriteInOne(cgroup + "/cgroup.kill", "1"));
  RemoveFolders(cgroup);
}

}  // namespace wslm
