// setpriority(2), ioprio_set(2): of one process, of a group, of all that a user has. The host's kernel would take the
// distro's users all for one.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "runtime-v1/lxcore/handlers.h"
#include "runtime-v1/lxcore/other_processes.h"
#include "runtime-v1/lxcore/process_facts.h"

namespace wslm::lxcore {
namespace {

// Of linux/ioprio.h, which some versions of the headers have in C only.
enum : int { kIoPrioOfProcess = 1, kIoPrioOfGroup = 2, kIoPrioOfUser = 3 };

// Whether the first may change the second.
using Rule = bool (*)(const Credentials&, const Credentials&);

bool MayRenice(const Credentials& c, const Credentials& target) {
  return MayNice(c, target) && (c.Has(CAP_SYS_NICE) || target.ruid == c.euid || target.euid == c.euid);
}

bool MaySetIoPriority(const Credentials& c, const Credentials& target) {
  return MayNice(c, target) && (c.Has(CAP_SYS_NICE) || target.ruid == c.euid || target.ruid == c.ruid);
}

std::vector<std::string> NumbersIn(int proc, const std::string& folder) {
  std::vector<std::string> names;
  const int fd = ::openat(proc, folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  std::unique_ptr<DIR, int (*)(DIR*)> entries(fd < 0 ? nullptr : ::fdopendir(fd), ::closedir);
  while (const dirent* entry = entries ? ::readdir(entries.get()) : nullptr) {
    if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9') names.emplace_back(entry->d_name);
  }
  return names;
}

// The pid namespace of a process; 0: can't be seen, and so is no guest's.
ino_t NamespaceOf(int proc, const std::string& pid) {
  struct stat space;
  return ::fstatat(proc, (pid + "/ns/pid").c_str(), &space, 0) == 0 ? space.st_ino : 0;
}

// Calls `visit` for each thread, by its number on the host, of the processes in the caller's pid namespace whose real
// user is `user`; 0 means the caller's own.
void ForThreadsOf(Kernel& k, const Call& call, uint32_t user,
                  const std::function<void(pid_t, const Credentials&)>& visit) {
  const Credentials c = k.CredentialsOf(call);
  if (user == 0) user = c.ruid;
  const ino_t own = NamespaceOf(k.proc, std::to_string(call.tid()));
  for (const std::string& pid : NumbersIn(k.proc, ".")) {
    if (own == 0 || NamespaceOf(k.proc, pid) != own) continue;
    const auto owner = k.identities.OfProcDirectory(k.proc, pid);
    if (!owner || owner->ruid != user) continue;
    for (const std::string& tid : NumbersIn(k.proc, pid + "/task")) visit(std::atoi(tid.c_str()), *owner);
  }
}

// `change` does it to a thread of the host's number: 0 or an errno.
Reply ChangeUsers(Kernel& k, const Call& call, Rule rule, const std::function<int(pid_t)>& change) {
  const Credentials c = k.CredentialsOf(call);
  int error = ESRCH;
  ForThreadsOf(k, call, call.id_arg(1), [&](pid_t tid, const Credentials& owner) {
    const int failed = rule(c, owner) ? change(tid) : EPERM;
    if (failed != 0 || error == ESRCH) error = failed;
  });
  return Reply::Error(error);
}

// A group, of which every member must be the caller's to change.
Reply ChangeGroup(Kernel& k, const Call& call, Rule rule) {
  const Credentials& c = k.CredentialsOf(call);
  if (c.Has(CAP_SYS_NICE)) return Reply::Continue();
  if (int error = k.paths.EnterRootOf(call.tid())) return Reply::Error(error == kElsewhere ? EPERM : error);
  pid_t group = call.int_arg(1);
  if (group == 0) group = RelativesOf(std::to_string(InnerProcessId(k.proc, call.tid()))).group;
  for (const std::string& pid : AllProcesses()) {
    if (RelativesOf(pid).group != group) continue;
    const auto owner = k.identities.OfProcDirectory(AT_FDCWD, "/proc/" + pid);
    if (owner && !rule(c, *owner)) return Reply::Error(EPERM);
  }
  return Reply::Continue();
}

Reply ChangeOne(Kernel& k, const Call& call, Rule rule) {
  const Credentials& c = k.CredentialsOf(call);
  if (c.Has(CAP_SYS_NICE) || call.int_arg(1) == 0) return Reply::Continue();
  const auto owner = OwnerOf(k, call, call.int_arg(1));
  return !owner || rule(c, *owner) ? Reply::Continue() : Reply::Error(EPERM);
}

}  // namespace

Reply SysSetPriority(Kernel& k, const Call& call) {
  switch (call.int_arg(0)) {
    case PRIO_PROCESS:
      return ChangeOne(k, call, MayRenice);
    case PRIO_PGRP:
      return ChangeGroup(k, call, MayRenice);
    case PRIO_USER:
      return ChangeUsers(k, call, MayRenice, [&call](pid_t tid) {
        return ::setpriority(PRIO_PROCESS, tid, call.int_arg(2)) == 0 ? 0 : errno;
      });
    default:
      return Reply::Continue();
  }
}

Reply SysGetPriority(Kernel& k, const Call& call) {
  // As the system call has it: 20 - nice.
  int highest = 0;
  ForThreadsOf(k, call, call.id_arg(1), [&highest](pid_t tid, const Credentials&) {
    highest = std::max(highest, 20 - ::getpriority(PRIO_PROCESS, tid));
  });
  return highest == 0 ? Reply::Error(ESRCH) : Reply::Value(highest);
}

Reply SysIoprioSet(Kernel& k, const Call& call) {
  constexpr int kClassShift = 13, kMostClass = 3;
  if (call.int_arg(2) >> kClassShift > kMostClass) return Reply::Error(EINVAL);
  switch (call.int_arg(0)) {
    case kIoPrioOfProcess:
      return ChangeOne(k, call, MaySetIoPriority);
    case kIoPrioOfGroup:
      return ChangeGroup(k, call, MaySetIoPriority);
    case kIoPrioOfUser:
      return ChangeUsers(k, call, MaySetIoPriority, [&call](pid_t tid) {
        return ::syscall(SYS_ioprio_set, kIoPrioOfProcess, tid, call.int_arg(2)) == 0 ? 0 : errno;
      });
    default:
      return Reply::Continue();
  }
}

Reply SysIoprioGet(Kernel& k, const Call& call) {
  // The best that any of them has, which is the lowest number; none given counts as the middle of best effort.
  constexpr int kClassShift = 13, kNone = (2 << kClassShift) | 4;
  int best = -1;
  ForThreadsOf(k, call, call.id_arg(1), [&best](pid_t tid, const Credentials&) {
    const long read = ::syscall(SYS_ioprio_get, kIoPrioOfProcess, tid);
    if (read < 0) return;
    const int priority = read >> kClassShift == 0 ? kNone : static_cast<int>(read);
    best = best < 0 ? priority : std::min(best, priority);
  });
  return best < 0 ? Reply::Error(ESRCH) : Reply::Value(best);
}

}  // namespace wslm::lxcore
