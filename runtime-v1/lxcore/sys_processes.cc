// kill(2), ptrace(2) and their like: what one process may do to another, by virtual owners. To the
// host's kernel they all belong to one user, so it says yes to what is let through.
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <charconv>
#include <optional>
#include <utility>
#include <vector>

#include "runtime-v1/lxcore/guest_memory.h"
#include "runtime-v1/lxcore/handlers.h"
#include "runtime-v1/lxcore/other_processes.h"
#include "runtime-v1/lxcore/process_facts.h"

namespace wslm::lxcore {
namespace {

// kill of a group, or of all: the kernel does it when the sender may signal every member; else each that it may.
Reply KillMany(Kernel& k, const Call& call, pid_t target, int signal) {
  const Credentials& c = k.CredentialsOf(call);
  if (int error = k.paths.EnterRootOf(call.tid())) return Reply::Error(error);
  const pid_t self = InnerProcessId(k.proc, call.tid());
  const Relatives own = RelativesOf(std::to_string(self));
  const pid_t group = target == 0 ? own.group : -target;
  std::vector<std::string> allowed;
  bool any = false, all = true;
  for (const std::string& pid : AllProcesses()) {
    if (target == -1 ? pid == "1" || pid == std::to_string(self) : RelativesOf(pid).group != group) continue;
    any = true;
    const auto owner = k.identities.OfProcDirectory(AT_FDCWD, "/proc/" + pid);
    if (owner && MaySignal(c, *owner, signal, RelativesOf(pid).session == own.session)) {
      allowed.push_back(pid);
    } else {
      all = false;
    }
  }
  if (!any || all) return Reply::Continue();
  // "All" succeeds when there is anybody, even if nobody may be signalled.
  if (allowed.empty()) return Reply::Error(target == -1 ? 0 : EPERM);
  for (const std::string& pid : allowed) {
    uint64_t number = 0;
    std::from_chars(pid.data(), pid.data() + pid.size(), number);
    // They come in the order of their numbers.
    if (number <= call.journal().done()) continue;
    call.journal().set_done(number);
    // A folder of /proc serves as a descriptor of its process.
    UniqueFd process(::open(("/proc/" + pid).c_str(), O_DIRECTORY | O_CLOEXEC));
    if (process) ::syscall(SYS_pidfd_send_signal, process.get(), signal, nullptr, 0);
  }
  return Reply::Value(0);
}

// The kernel refuses them before it asks who sends them.
bool IsSignal(int signal) { return signal >= 0 && signal < _NSIG; }

Reply KillOne(Kernel& k, const Call& call, pid_t pid, int signal) {
  const Credentials& c = k.CredentialsOf(call);
  if (c.Has(CAP_KILL) || !IsSignal(signal)) return Reply::Continue();
  const auto owner = OwnerOf(k, call, pid);
  if (!owner) return Reply::Continue();
  bool same_session = false;
  if (signal == SIGCONT) {
    const std::string self = std::to_string(InnerProcessId(k.proc, call.tid()));
    same_session = RelativesOf(std::to_string(pid)).session == RelativesOf(self).session;
  }
  return MaySignal(c, *owner, signal, same_session) ? Reply::Continue() : Reply::Error(EPERM);
}

// Of sched(7).
bool IsPolicy(int policy) {
  constexpr int kNone = 4, kLast = 7;  // SCHED_ISO, which there never was, and SCHED_EXT
  policy &= ~SCHED_RESET_ON_FORK;
  return policy >= 0 && policy <= kLast && policy != kNone;
}

// The process behind a pidfd of the guest, by its number in lxcore's namespace; 0 when it is none.
pid_t ProcessOfPidfd(const Call& call, int fd) {
  const std::string info = ReadProcFile(AT_FDCWD, std::to_string(call.tid()) + "/fdinfo/" + std::to_string(fd));
  pid_t pid = 0;
  const std::string_view field = StatusField(info, "Pid");
  std::from_chars(field.data(), field.data() + field.size(), pid);
  return pid;
}

}  // namespace

Reply SysKill(Kernel& k, const Call& call) {
  const pid_t pid = call.int_arg(0);
  if (k.CredentialsOf(call).Has(CAP_KILL)) return Reply::Continue();
  return pid > 0 ? KillOne(k, call, pid, call.int_arg(1)) : KillMany(k, call, pid, call.int_arg(1));
}

Reply SysTKill(Kernel& k, const Call& call) { return KillOne(k, call, call.int_arg(0), call.int_arg(1)); }

Reply SysTgKill(Kernel& k, const Call& call) {
  Reply reply = KillOne(k, call, call.int_arg(1), call.int_arg(2));
  if (reply.kind() == Reply::Kind::kContinue) return reply;
  const std::string status = ReadProcFile(AT_FDCWD, "/proc/" + std::to_string(call.int_arg(1)) + "/status");
  // No thread of that process: nobody is refused anything.
  return StatusField(status, "Tgid") == std::to_string(call.int_arg(0)) ? std::move(reply) : Reply::Continue();
}

Reply SysSigQueueInfo(Kernel& k, const Call& call) {
  siginfo_t info;
  if (int error = ReadGuest(call.tid(), call.arg(2), &info, sizeof(info))) return Reply::Error(error);
  return SysTKill(k, call);
}

Reply SysPidfdSendSignal(Kernel& k, const Call& call) {
  const Credentials& c = k.CredentialsOf(call);
  constexpr uint32_t kKnownFlags = 7;  // PIDFD_SIGNAL_*
  if (c.Has(CAP_KILL) || !IsSignal(call.int_arg(1)) || (call.id_arg(3) & ~kKnownFlags)) return Reply::Continue();
  const int fd = call.int_arg(0);
  const pid_t pid = ProcessOfPidfd(call, fd);
  // A folder of /proc serves as well.
  const std::optional<Credentials> owner =
      pid > 0 ? k.identities.Of(pid) : k.identities.OfProcDirectory(AT_FDCWD, GuestPaths::BaseOf(call.tid(), fd));
  return !owner || MaySignal(c, *owner, call.int_arg(1), false) ? Reply::Continue() : Reply::Error(EPERM);
}

Reply SysTraceProcess(Kernel& k, const Call& call) {
  const Credentials& c = k.CredentialsOf(call);
  if (c.Has(CAP_SYS_PTRACE)) return Reply::Continue();
  const auto owner = OwnerOf(k, call, call.int_arg(0));
  return !owner || MayTrace(c, *owner) ? Reply::Continue() : Reply::Error(EPERM);
}

Reply SysPTrace(Kernel& k, const Call& call) {
  const Credentials& c = k.CredentialsOf(call);
  const bool begins = call.arg(0) == PTRACE_ATTACH || call.arg(0) == PTRACE_SEIZE;
  if (!begins || c.Has(CAP_SYS_PTRACE)) return Reply::Continue();
  const auto owner = OwnerOf(k, call, call.int_arg(1));
  return !owner || MayTrace(c, *owner) ? Reply::Continue() : Reply::Error(EPERM);
}

Reply SysTracePidfd(Kernel& k, const Call& call) {
  const Credentials& c = k.CredentialsOf(call);
  if (c.Has(CAP_SYS_PTRACE)) return Reply::Continue();
  const bool is_getfd = call.number() == SYS_pidfd_getfd;
  if (is_getfd && call.id_arg(2) != 0) return Reply::Error(EINVAL);
  const pid_t pid = ProcessOfPidfd(call, call.int_arg(0));
  return pid <= 0 || MayTrace(c, k.identities.Of(pid)) ? Reply::Continue() : Reply::Error(is_getfd ? EPERM : EACCES);
}

Reply SysKcmp(Kernel& k, const Call& call) {
  const Credentials& c = k.CredentialsOf(call);
  if (c.Has(CAP_SYS_PTRACE)) return Reply::Continue();
  for (int i : {0, 1}) {
    const auto owner = OwnerOf(k, call, call.int_arg(i));
    if (owner && !MayTrace(c, *owner)) return Reply::Error(EPERM);
  }
  return Reply::Continue();
}

Reply SysChangeProcess(Kernel& k, const Call& call) {
  const Credentials& c = k.CredentialsOf(call);
  const auto owner = OwnerOf(k, call, call.int_arg(0));
  if (!owner) return Reply::Continue();
  // Made real-time by the host: on its way back it would get its creator's timer slack, and so be it.
  if (Identities::IsNobody(*owner) && call.number() != SYS_prlimit64) return Reply::Error(EPERM);
  if (call.number() == SYS_sched_setscheduler && !IsPolicy(call.int_arg(1))) return Reply::Error(EINVAL);
  const bool own = call.int_arg(0) == 0 || ((c.euid == owner->ruid || c.euid == owner->euid) &&
                                            (call.number() == SYS_prlimit64 || MayNice(c, *owner)));
  return own || c.Has(CAP_SYS_NICE) ? Reply::Continue() : Reply::Error(EPERM);
}

}  // namespace wslm::lxcore
