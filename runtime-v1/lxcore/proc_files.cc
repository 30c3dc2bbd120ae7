#include "runtime-v1/lxcore/proc_files.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdio>
#include <set>

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

std::optional<UniqueFd> OpenProcFile(Kernel& k, const Credentials& c, const Target& target, int& error) {
  error = 0;
  if (!S_ISREG(target.file.host.stx_mode)) return std::nullopt;
  UniqueFd file(::open(target.name.c_str(), O_PATH | O_CLOEXEC));
  char buffer[PATH_MAX];
  const ssize_t size = file ? ::readlink(GuestFiles::OwnFdName(file.get()).c_str(), buffer, sizeof(buffer)) : -1;
  if (size <= 0) return std::nullopt;
  // A file of the host's /proc (the guest's /proc/self is reached by it) has a name the guest's root doesn't know, but
  // its end is the same.
  const std::string path(buffer, size);
  const std::string name = path.substr(path.rfind('/') + 1);
  const bool is_status = name == "status";
  const bool needs_right = NeedsTraceRight(name);
  if (!is_status && !needs_right) return std::nullopt;
  const std::string folder = ProcessFolder(path);
  if (folder.empty()) return std::nullopt;
  const size_t above = folder.rfind('/') + 1;
  UniqueFd parent(::open(folder.substr(0, above).c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  const auto owner = k.identities.OfProcDirectory(parent ? parent.get() : k.proc, folder.substr(above));
  if (!owner) return std::nullopt;
  if (needs_right) {
    if (!MayTrace(c, *owner)) error = EACCES;
    return std::nullopt;
  }
  const std::string text = VirtualStatus(ReadProcFile(AT_FDCWD, GuestFiles::OwnFdName(file.get())), *owner);
  UniqueFd copy(::memfd_create("status", MFD_CLOEXEC));
  if (!copy || ::write(copy.get(), text.data(), text.size()) < 0) return std::nullopt;
  ::lseek(copy.get(), 0, SEEK_SET);
  // Opened anew for reading only: the writable description must not reach the guest.
  UniqueFd readable(::open(GuestFiles::OwnFdName(copy.get()).c_str(), O_RDONLY | O_CLOEXEC));
  if (!readable) return std::nullopt;
  return readable;
}

}  // namespace wslm::lxcore
