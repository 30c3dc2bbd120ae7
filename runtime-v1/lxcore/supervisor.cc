#include "runtime-v1/lxcore/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <utility>

#include "distros/host/failpoint.h"
#include "runtime-v1/lxcore/fast_path.h"

#ifndef SECCOMP_IOCTL_NOTIF_SET_FLAGS
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS SECCOMP_IOW(4, __u64)
#endif
#ifndef SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP
#define SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP (1UL << 0)
#endif

namespace wslm::lxcore {
namespace {

// Lxcores that may end on a call before it is answered with an error. One that was killed has hardly done so because of
// the call, unless by the host for want of memory.
constexpr uint32_t kMostCrashes = 2;
constexpr uint32_t kMostKills = 10;

constexpr int kStuckSeconds = 10;

bool Waits(int listener, uint64_t id) { return ::ioctl(listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &id) == 0; }

// Of a call that nobody waits for any more, so that what is half cleared means nothing. The id last: with that, the
// slot is the receiver's.
void Free(CallSlot& slot) {
  seccomp_notif& call = slot.notification.call;
  static_assert(offsetof(seccomp_notif, id) == 0);
  std::memset(reinterpret_cast<char*>(&slot) + sizeof(call.id), 0, sizeof(slot) - sizeof(call.id));
  std::atomic_ref<__u64>(call.id).store(0, std::memory_order_release);
}

}  // namespace

Supervisor::Supervisor(Kernel& kernel, int listener, SharedMemory& shared)
    : kernel_(kernel), listener_(listener), shared_(shared) {
  for (const SyscallRule& rule : SyscallTable()) handlers_[rule.number] = rule.handler;
}

int Supervisor::Prepare(pid_t first_process) {
  if (::unshare(CLONE_FS) != 0 || ::fchdir(kernel_.proc) != 0) return errno;
  // What handlers make has exactly the mode that they say.
  ::umask(0);
  kernel_.files.set_current(first_process);
  if (shared_.roots_differ) kernel_.paths.RootsDiffer();
  if (shared_.foreign_mounts) kernel_.files.ExpectForeignMounts();
  if (int error = kernel_.paths.EnterRootOf(first_process)) return error;
  kernel_.fast_path.DisableOlderCopies(first_process);
  if (shared_.prepared) return 0;
  // Folders for everybody, which the mounts can't be born as.
  for (const char* name : {"/dev/shm", "/run/lock"}) {
    GuestFile folder;
    if (kernel_.files.Get(name, 0, folder) != 0) continue;
    GuestAttributes open_to_all = folder.attributes;
    open_to_all.mode = S_IFDIR | S_ISVTX | 0777;
    if (int error = kernel_.files.Set(name, 0, folder, open_to_all)) return error;
  }
  shared_.prepared = 1;
  return 0;
}

void Supervisor::Run() {
  // The guest's thread goes on where this one stops (Linux 6.6): 5 µs a call instead of 50.
  ::ioctl(listener_, SECCOMP_IOCTL_NOTIF_SET_FLAGS, SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP);
  kernel_.waiting.SetReceiver();
  TakeOver();
  for (;;) {
    for (const seccomp_notif& due : kernel_.waiting.Take()) HandleAgain(due);
    CallSlot& slot = FreeSlot();
    if (::ioctl(listener_, SECCOMP_IOCTL_NOTIF_RECV, &slot.notification) == 0) {
      Handle(slot);
      continue;
    }
    if (errno == EINTR) continue;
    if (errno != ENOENT) return;
    // The caller was killed before its call was received, or nobody is left.
    pollfd events = {listener_, POLLIN, 0};
    if (::poll(&events, 1, -1) > 0 && (events.revents & POLLHUP)) return;
  }
}

CallSlot& Supervisor::FreeSlot() {
  for (CallSlot& slot : shared_.slots) {
    if (std::atomic_ref<__u64>(slot.notification.call.id).load(std::memory_order_acquire) == 0) return slot;
  }
  // Handle leaves one.
  std::abort();
}

// First in a slot, then no more among those that wait: whenever lxcore ends, it is in one place at least.
void Supervisor::HandleAgain(const seccomp_notif& notification) {
  CallSlot& slot = FreeSlot();
  slot.notification.call = notification;
  kernel_.waiting.Forget(notification.id);
  Handle(slot);
}

void Supervisor::TakeOver() {
  TakeOverSlots();
  for (const seccomp_notif& waiting : kernel_.waiting.TakeLeft()) HandleAgain(waiting);
}

void Supervisor::TakeOverSlots() {
  const uint32_t most = shared_.last_signal == SIGKILL ? kMostKills : kMostCrashes;
  for (CallSlot& slot : shared_.slots) {
    const seccomp_notif& call = slot.notification.call;
    if (call.id == 0 || !Waits(listener_, call.id)) {
      Free(slot);
      continue;
    }
    if (const auto given = FindGiven(kernel_.proc, Call(listener_, call, slot.journal), slot.given)) {
      Answer(slot, Reply::Value(*given));
      continue;
    }
    if (slot.stuck || slot.attempts >= most) {
      std::fprintf(stderr, "system call %d of thread %u %s: it is answered with EIO\n", call.data.nr, call.pid,
                   slot.stuck ? "kept lxcore from all others" : "ended lxcore again and again");
      Answer(slot, Reply::Error(EIO));
      continue;
    }
    slot.journal.Resume();
    if (const auto value = kernel_.identities.AnswerOf(static_cast<pid_t>(call.pid), slot.journal)) {
      Answer(slot, Reply::Value(*value));
      continue;
    }
    Handle(slot);
  }
}

void Supervisor::Handle(CallSlot& slot) {
  const seccomp_notif& notification = slot.notification.call;
  const Call call(listener_, notification, slot.journal);
  kernel_.identities.BeginCall(call.tid());
  const int number = notification.data.nr;
  const Handler handler = number >= 0 && number < kMostNumber ? handlers_[number] : nullptr;
  if (handler == nullptr) {
    Answer(slot, Reply::Error(ENOSYS));
    return;
  }
  ++slot.attempts;
  current_.store(&slot, std::memory_order_relaxed);
  steps_.store(steps_.load(std::memory_order_relaxed) + 1, std::memory_order_seq_cst);
  if (watcher_sleeps_.load(std::memory_order_seq_cst) != 0) {
    watcher_sleeps_ = 0;
    ::syscall(SYS_futex, &watcher_sleeps_, FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
  }
  Reply reply = ReplyTo(call, handler);
  // Before the guest does what it was told of.
  shared_.roots_differ.store(kernel_.paths.roots_differ(), std::memory_order_relaxed);
  shared_.foreign_mounts.store(kernel_.files.foreign_mounts(), std::memory_order_relaxed);
  steps_.store(steps_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
  if (reply.kind() == Reply::Kind::kLater) {
    // It is in WaitingCalls' hands.
    Free(slot);
    return;
  }
  if (reply.kind() != Reply::Kind::kWork) {
    Answer(slot, reply);
    return;
  }
  int free = 0;
  for (const CallSlot& other : shared_.slots) free += other.notification.call.id == 0;
  if (free == 0) {
    Answer(slot, reply.Finish());
    return;
  }
  pool_.Post([this, &slot, work = std::make_shared<Reply>(std::move(reply))] { Answer(slot, work->Finish()); });
}

Reply Supervisor::ReplyTo(const Call& call, Handler handler) {
  if (FastPath::IsQuestion(call)) {
    // Names of what a process has mapped count from there; where that can't be, its program is not found.
    kernel_.paths.EnterRootOf(call.tid());
    return kernel_.fast_path.Answer(call);
  }
  kernel_.files.set_current(call.tid());
  Reply reply = handler(kernel_, call);
  kernel_.fast_path.AfterCall(call);
  return reply;
}

void Supervisor::Watch() {
  uint32_t before = steps_;
  for (int same = 0;;) {
    ::sleep(1);
    const uint32_t now = steps_;
    same = now == before ? same + 1 : 0;
    before = now;
    if (same == 0) continue;
    const bool idle = now % 2 == 0;
    if (!idle && same >= kStuckSeconds) {
      CallSlot& slot = *current_;
      const seccomp_notif& call = slot.notification.call;
      std::fprintf(stderr, "system call %d of thread %u keeps lxcore from all others\n", call.data.nr, call.pid);
      slot.stuck = 1;
      ::kill(::getpid(), SIGKILL);
    }
    if (!idle) continue;
    watcher_sleeps_ = 1;
    if (steps_ == now) ::syscall(SYS_futex, &watcher_sleeps_, FUTEX_WAIT_PRIVATE, 1, nullptr, nullptr, 0);
    watcher_sleeps_ = 0;
  }
}

void Supervisor::Answer(CallSlot& slot, const Reply& reply) {
  static const Journal kNothingDone;
  if (std::memcmp(&slot.journal, &kNothingDone, sizeof(Journal)) != 0) Failpoint("lxcore.answer").IgnoreError();
  const uint64_t id = slot.notification.call.id;
  int64_t value = reply.value();
  if (reply.kind() == Reply::Kind::kDescriptor) {
    // An error: the guest has no number left (EMFILE), or was killed meanwhile.
    value = GiveDescriptor(Call(listener_, slot.notification.call, slot.journal), reply.fd(), reply.close_on_exec(),
                           slot.given);
  }
  seccomp_notif_resp response = {};
  response.id = id;
  if (reply.kind() == Reply::Kind::kContinue) {
    response.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
  } else if (value < 0) {
    response.error = static_cast<int32_t>(value);
  } else {
    response.val = value;
  }
  // ENOENT: the caller was killed meanwhile.
  while (::ioctl(listener_, SECCOMP_IOCTL_NOTIF_SEND, &response) != 0 && errno == EINTR) {
  }
  Answered(slot);
}

void Supervisor::Answered(CallSlot& slot) {
  shared_.answered.fetch_add(1, std::memory_order_relaxed);
  Free(slot);
}

}  // namespace wslm::lxcore
