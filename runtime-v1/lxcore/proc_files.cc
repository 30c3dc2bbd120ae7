#include "runtime-v1/lxcore/proc_files.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdio>
#include <set>

#include "runtime-v1/lxcore/mount_text.h"
#include "runtime-v1/lxcore/process_facts.h"

namespace wslm::lxcore {
namespace {

std::string FourIds(uint32_t real, uint32_t effective, uint32_t saved, uint32_t fs) {
  return std::to_string(real) + "\t" + std::to_string(effective) + "\t" + std::to_string(saved) + "\t" +
         std::to_string(fs);
}

std::string HexSet(CapabilitySet set) {
  char text[20];
  std::snprintf(text, sizeof(text), "%016llx", static_cast<unsigned long long>(set));
  return text;
}

std::optional<std::string> ReplacementOf(std::string_view name, const Credentials& c) {
  if (name == "Uid") return FourIds(c.ruid, c.euid, c.suid, c.fsuid);
  if (name == "Gid") return FourIds(c.rgid, c.egid, c.sgid, c.fsgid);
  if (name == "Groups") {
    std::string groups;
    for (uint32_t group : c.groups) groups += std::to_string(group) + " ";
    return groups.empty() ? " " : groups;
  }
  if (name == "CapInh") return HexSet(c.inheritable);
  if (name == "CapPrm") return HexSet(c.permitted);
  if (name == "CapEff") return HexSet(c.effective);
  if (name == "CapBnd") return HexSet(c.bounding);
  if (name == "CapAmb") return HexSet(c.ambient);
  if (name == "NoNewPrivs") return std::string(c.no_new_privs ? "1" : "0");
  if (name == "Seccomp" || name == "Seccomp_filters") return std::string("0");
  return std::nullopt;
}

// Files of a process that only who may trace it can read, whatever their mode says.
bool NeedsTraceRight(const std::string& name) {
  static const std::set<std::string> kNames = {"mem",  "maps",    "smaps",   "smaps_rollup", "numa_maps",   "pagemap",
                                               "auxv", "syscall", "environ", "stack",        "personality", "io"};
  return kNames.contains(name);
}

// The folder of the process that an opened file below /proc is in, without a slash; empty when in none.
std::string ProcessFolder(const std::string& path) {
  size_t end = 0;
  while ((end = path.find('/', end + 1)) != std::string::npos) {
    const size_t start = path.rfind('/', end - 1) + 1;
    if (end > start && path.substr(start, end - start).find_first_not_of("0123456789") == std::string::npos) {
      return path.substr(0, end);
    }
  }
  return "";
}

// What is opened in place of a file that shows `text`: writing changes the copy only. `flags` as open's.
UniqueFd OpenCopy(const std::string& text, uint64_t flags) {
  UniqueFd copy(::memfd_create("proc", MFD_CLOEXEC));
  if (!copy || ::write(copy.get(), text.data(), text.size()) < 0) return {};
  // Opened anew: for reading only, the writable description must not reach the guest.
  const int mode = static_cast<int>(flags & (O_ACCMODE | O_APPEND | O_NONBLOCK));
  return UniqueFd(::open(GuestFiles::OwnFdName(copy.get()).c_str(), mode | O_CLOEXEC));
}

}  // namespace

std::string VirtualStatus(std::string_view status, const Credentials& owner) {
  std::string text;
  while (!status.empty()) {
    const std::string_view line = status.substr(0, status.find('\n'));
    status.remove_prefix(std::min(status.size(), line.size() + 1));
    const std::string_view name = line.substr(0, line.find(':'));
    if (const auto replacement = ReplacementOf(name, owner)) {
      text.append(name).append(":\t").append(*replacement);
    } else {
      text.append(line);
    }
    text.push_back('\n');
  }
  return text;
}

ProcFile OpenProcFile(Kernel& k, const Credentials& c, const Target& target, uint64_t flags) {
  ProcFile answer;
  if (!S_ISREG(target.file.host.stx_mode)) return answer;
  UniqueFd file(::open(target.name.c_str(), O_PATH | O_CLOEXEC));
  char buffer[PATH_MAX];
  const ssize_t size = file ? ::readlink(GuestFiles::OwnFdName(file.get()).c_str(), buffer, sizeof(buffer)) : -1;
  if (size <= 0) return answer;
  // A file of the host's /proc (the guest's /proc/self is reached by it) has a name the guest's root doesn't know, but
  // its end is the same. One that is mounted somewhere by itself has the name that it had.
  std::string path(buffer, size);
  if (target.file.host.stx_attributes & STATX_ATTR_MOUNT_ROOT) path = k.files.RootOf(target.file);
  const std::string name = path.substr(path.rfind('/') + 1);
  const bool is_status = name == "status";
  const bool is_slack = name == "timerslack_ns";
  const bool needs_right = NeedsTraceRight(name);
  const bool is_mounts = name == "mounts" || name == "mountinfo";
  if (!is_status && !is_slack && !needs_right && !is_mounts) return answer;
  const std::string folder = ProcessFolder(path);
  std::optional<Credentials> owner;
  if (!folder.empty()) {
    const size_t above = folder.rfind('/') + 1;
    if (k.files.IsOnHostProc(target.file)) {
      owner = k.identities.OfHostProcess(folder.substr(above));
    } else if (UniqueFd parent(::open(folder.substr(0, above).c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)); parent) {
      owner = k.identities.OfProcDirectory(parent.get(), folder.substr(above));
    }
  }
  if (is_mounts) {
    const std::string beside = SplitLast(target.name).folder + "/mountinfo";
    if ((flags & O_ACCMODE) != O_RDONLY || folder.empty()) return answer;
    const std::string text = ReadProcFile(AT_FDCWD, name == "mounts" ? beside : GuestFiles::OwnFdName(file.get()));
    // The host's processes are not to be read; the kernel says so.
    if (text.empty()) return answer;
    answer.file = OpenCopy(name == "mounts" ? GuestMounts(k.files, text) : GuestMountInfo(k.files, text), flags);
    return answer;
  }
  if (is_slack) {
    // It carries who the thread is, and may reach no guest, whatever became of the process.
    if (!c.Has(CAP_SYS_NICE) && (!owner || owner->euid != c.euid)) {
      answer.error = EPERM;
    } else if (answer.file = OpenCopy(std::to_string(kDefaultSlack) + "\n", flags); !answer.file) {
      answer.error = EACCES;
    }
    return answer;
  }
  if (!owner) return answer;
  if (needs_right) {
    if (!MayTrace(c, *owner)) answer.error = EACCES;
    return answer;
  }
  if ((flags & O_ACCMODE) == O_RDONLY) {
    const std::string status = ReadProcFile(AT_FDCWD, GuestFiles::OwnFdName(file.get()));
    answer.file = OpenCopy(VirtualStatus(status, *owner), flags);
  }
  return answer;
}

}  // namespace wslm::lxcore
