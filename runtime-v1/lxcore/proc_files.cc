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

std::optional<std::string> ReplacementOf(std::string_view name, const Credentials& c, const ShownId& uid,
                                         const ShownId& gid) {
  if (name == "Uid") return FourIds(uid(c.ruid), uid(c.euid), uid(c.suid), uid(c.fsuid));
  if (name == "Gid") return FourIds(gid(c.rgid), gid(c.egid), gid(c.sgid), gid(c.fsgid));
  if (name == "Groups") {
    std::string groups;
    for (uint32_t group : c.groups) groups += std::to_string(gid(group)) + " ";
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
  static const std::set<std::string> kNames = {"mem",         "maps", "smaps",   "smaps_rollup", "numa_maps",
                                               "pagemap",     "auxv", "syscall", "environ",      "stack",
                                               "personality", "io",   "timers",  "fdinfo"};
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

std::optional<IpcKind> IpcListOf(std::string_view path) {
  if (path.ends_with("/sysvipc/shm")) return IpcKind::kMemory;
  if (path.ends_with("/sysvipc/sem")) return IpcKind::kSemaphores;
  if (path.ends_with("/sysvipc/msg")) return IpcKind::kMessages;
  return std::nullopt;
}

// A list of the objects in the caller's namespace.
ProcFile OpenIpcList(Kernel& k, const Call& call, IpcKind kind, const UniqueFd& file, uint64_t flags) {
  ProcFile answer;
  if ((answer.error = k.ipc.Enter(call.tid())) != 0) return answer;
  const IpcObjects::Numbers numbers = {
      .uid = [&](uint32_t id) { return k.ShownUid(call, id); },
      .gid = [&](uint32_t id) { return k.ShownGid(call, id); },
      .pid = [&](uint32_t id) { return id == 0 ? 0 : InnerProcessId(k.proc, static_cast<pid_t>(id)); },
  };
  const std::string list = ReadProcFile(AT_FDCWD, GuestFiles::OwnFdName(file.get()));
  answer.file = OpenCopy(k.ipc.VirtualList(kind, list, numbers), flags);
  return answer;
}

// uid_map, gid_map and setgroups of the process whose folder that is.
ProcFile OpenIdMap(Kernel& k, const Call& call, const std::string& folder, const std::string& name, uint64_t flags) {
  ProcFile answer;
  if ((flags & O_ACCMODE) == O_RDONLY) {
    answer.file = OpenCopy(k.user_namespaces.TextOf(folder, name), flags);
  } else {
    answer.file = k.user_namespaces.OpenToWrite(folder, name, k.CredentialsOf(call), call.tid());
  }
  if (!answer.file) answer.error = errno != 0 ? errno : EACCES;
  return answer;
}

}  // namespace

std::string VirtualStatus(std::string_view status, const Credentials& owner, const ShownId& uid, const ShownId& gid) {
  std::string text;
  while (!status.empty()) {
    const std::string_view line = status.substr(0, status.find('\n'));
    status.remove_prefix(std::min(status.size(), line.size() + 1));
    const std::string_view name = line.substr(0, line.find(':'));
    if (const auto replacement = ReplacementOf(name, owner, uid, gid)) {
      text.append(name).append(":\t").append(*replacement);
    } else {
      text.append(line);
    }
    text.push_back('\n');
  }
  return text;
}

ProcFile OpenProcFile(Kernel& k, const Call& call, const Target& target, uint64_t flags) {
  const Credentials& c = k.CredentialsOf(call);
  ProcFile answer;
  const bool is_fdinfo = S_ISDIR(target.file.host.stx_mode) && SplitLast(target.name).base == "fdinfo";
  if (!S_ISREG(target.file.host.stx_mode) && !is_fdinfo) return answer;
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
  if (const auto kind = IpcListOf(path)) return OpenIpcList(k, call, *kind, file, flags);
  if (UserNamespaces::IsOurs(name)) return OpenIdMap(k, call, SplitLast(target.name).folder, name, flags);
  const bool is_login = name == "loginuid";
  if (!is_status && !is_slack && !is_login && !needs_right && !is_mounts) return answer;
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
  if (is_login) {
    if ((flags & O_ACCMODE) == O_RDONLY) {
      answer.file = OpenCopy(std::to_string(owner->login), flags);
    } else if (owner->login != UINT32_MAX && !c.Has(CAP_AUDIT_CONTROL)) {
      answer.error = EPERM;
    } else {
      answer.file = k.logins.OpenToWrite(call.tid(), owner->login, flags);
    }
    return answer;
  }
  if (needs_right) {
    if (!MayTrace(c, *owner)) answer.error = EACCES;
    return answer;
  }
  if ((flags & O_ACCMODE) == O_RDONLY) {
    const std::string status = ReadProcFile(AT_FDCWD, GuestFiles::OwnFdName(file.get()));
    const auto uid = [&](uint32_t id) { return k.ShownUid(call, id); };
    const auto gid = [&](uint32_t id) { return k.ShownGid(call, id); };
    answer.file = OpenCopy(VirtualStatus(status, *owner, uid, gid), flags);
  }
  return answer;
}

}  // namespace wslm::lxcore
