// sysvipc(7): shared memory, semaphores and message queues of the distro's users. What root makes, and what needs no
// answer of lxcore's, is the kernel's to do.
#include <errno.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/stat.h>

#include <algorithm>
#include <vector>

#include "runtime-v1/lxcore/guest_memory.h"
#include "runtime-v1/lxcore/handlers.h"
#include "runtime-v1/lxcore/process_facts.h"

namespace wslm::lxcore {
namespace {

constexpr uint32_t kRead = 0444, kWrite = 0222, kExecute = 0111;

struct Memory {
  static constexpr IpcKind kKind = IpcKind::kMemory;
  using Status = shmid_ds;
  static constexpr int kStat = SHM_STAT, kStatAny = SHM_STAT_ANY;
  static ipc_perm& PermOf(Status& status) { return status.shm_perm; }
  static std::vector<pid_t*> PidsOf(Status& status) { return {&status.shm_cpid, &status.shm_lpid}; }
  // With `size` as the caller gave it; 0 looks only.
  static int Get(key_t key, uint64_t size, int flags) { return ::shmget(key, size, flags); }
  static int Control(int id, int command, Status* status) { return ::shmctl(id, command, status); }
};

struct Semaphores {
  static constexpr IpcKind kKind = IpcKind::kSemaphores;
  using Status = semid_ds;
  static constexpr int kStat = SEM_STAT, kStatAny = SEM_STAT_ANY;
  static ipc_perm& PermOf(Status& status) { return status.sem_perm; }
  static std::vector<pid_t*> PidsOf(Status&) { return {}; }
  static int Get(key_t key, uint64_t count, int flags) { return ::semget(key, static_cast<int>(count), flags); }
  static int Control(int id, int command, Status* status) { return ::semctl(id, 0, command, status); }
};

struct Messages {
  static constexpr IpcKind kKind = IpcKind::kMessages;
  using Status = msqid_ds;
  static constexpr int kStat = MSG_STAT, kStatAny = MSG_STAT_ANY;
  static ipc_perm& PermOf(Status& status) { return status.msg_perm; }
  static std::vector<pid_t*> PidsOf(Status& status) { return {&status.msg_lspid, &status.msg_lrpid}; }
  static int Get(key_t key, uint64_t, int flags) { return ::msgget(key, flags); }
  static int Control(int id, int command, Status* status) { return ::msgctl(id, command, status); }
};

// Who makes objects as the kernel does it by itself, and may use all.
bool IsIpcRoot(const Credentials& c) { return c.euid == 0 && c.egid == 0 && c.Has(CAP_IPC_OWNER); }

template <typename Object>
Reply Made(Kernel& k, const Credentials& c, int id) {
  const IpcOwner owner{.uid = c.euid, .gid = c.egid, .creator_uid = c.euid, .creator_gid = c.egid};
  if (k.ipc.Set(Object::kKind, id, owner)) return Reply::Value(id);
  Object::Control(id, IPC_RMID, nullptr);
  return Reply::Error(ENOSPC);
}

// shmget(2), semget(2), msgget(2), whose first argument is the key; `size` is the second of three.
template <typename Object>
Reply Get(Kernel& k, const Call& call, uint64_t size, int flags) {
  const Credentials& c = k.CredentialsOf(call);
  if (IsIpcRoot(c)) return Reply::Continue();
  if (int error = k.ipc.Enter(call.tid())) return Reply::Error(error);
  const auto key = static_cast<key_t>(call.int_arg(0));
  if (key != IPC_PRIVATE) {
    const int id = Object::Get(key, 0, 0);
    typename Object::Status status;
    // There was none when the call began: an earlier lxcore made it, and didn't come to say so.
    if (id >= 0 && call.journal().Resumed()) return Made<Object>(k, c, id);
    if (id >= 0) {
      if ((flags & IPC_CREAT) && (flags & IPC_EXCL)) return Reply::Error(EEXIST);
      const bool known = Object::Control(id, IPC_STAT, &status) == 0;
      const bool may = !known || IpcMayAccess(c, k.ipc.OwnerOf(Object::kKind, id), Object::PermOf(status).mode,
                                              static_cast<uint32_t>(flags) & 0777);
      return may ? Reply::Continue() : Reply::Error(EACCES);
    }
    if (!(flags & IPC_CREAT)) return Reply::Continue();
  }
  call.journal().Begin();
  const int made = Object::Get(key, size, flags);
  return made < 0 ? Reply::Error(errno) : Made<Object>(k, c, made);
}

// What needs the right to `wanted` of the object that the first argument names; the kernel then does it.
template <typename Object>
Reply Use(Kernel& k, const Call& call, uint32_t wanted) {
  const Credentials& c = k.CredentialsOf(call);
  if (c.Has(CAP_IPC_OWNER)) return Reply::Continue();
  if (int error = k.ipc.Enter(call.tid())) return Reply::Error(error);
  const int id = call.int_arg(0);
  typename Object::Status status;
  if (Object::Control(id, IPC_STAT, &status) != 0) return Reply::Continue();
  const bool may = IpcMayAccess(c, k.ipc.OwnerOf(Object::kKind, id), Object::PermOf(status).mode, wanted);
  return may ? Reply::Continue() : Reply::Error(EACCES);
}

// IPC_STAT and its like, which show the owner. The second of them takes an index and answers the id.
template <typename Object>
Reply Show(Kernel& k, const Call& call, int command, uint64_t to) {
  const Credentials& c = k.CredentialsOf(call);
  typename Object::Status status;
  const int answer = Object::Control(call.int_arg(0), command, &status);
  if (answer < 0) return Reply::Error(errno);
  const int id = command == IPC_STAT ? call.int_arg(0) : answer;
  const IpcOwner owner = k.ipc.OwnerOf(Object::kKind, id);
  ipc_perm& perm = Object::PermOf(status);
  if (command != Object::kStatAny && !IpcMayAccess(c, owner, perm.mode, kRead)) return Reply::Error(EACCES);
  if (owner == IpcOwner{} && !c.nested) return Reply::Continue();
  perm.uid = k.ShownUid(call, owner.uid);
  perm.gid = k.ShownGid(call, owner.gid);
  perm.cuid = k.ShownUid(call, owner.creator_uid);
  perm.cgid = k.ShownGid(call, owner.creator_gid);
  for (pid_t* pid : Object::PidsOf(status)) {
    if (*pid != 0) *pid = InnerProcessId(k.proc, *pid);
  }
  if (int error = WriteGuest(call.tid(), to, &status, sizeof(status))) return Reply::Error(error);
  return Reply::Value(answer);
}

template <typename Object>
Reply SetOwner(Kernel& k, const Call& call, uint64_t from) {
  typename Object::Status status;
  if (int error = ReadGuest(call.tid(), from, &status, sizeof(status))) return Reply::Error(error);
  ipc_perm& perm = Object::PermOf(status);
  const std::optional<uint32_t> uid = k.GivenUid(call, perm.uid), gid = k.GivenGid(call, perm.gid);
  if (!uid || !gid || *uid == kKeep || *gid == kKeep) return Reply::Error(EINVAL);
  const int id = call.int_arg(0);
  IpcOwner owner = k.ipc.OwnerOf(Object::kKind, id);
  perm.uid = perm.gid = 0;
  if (Object::Control(id, IPC_SET, &status) != 0) return Reply::Error(errno);
  owner.uid = *uid;
  owner.gid = *gid;
  return Reply::Error(k.ipc.Set(Object::kKind, id, owner) ? 0 : ENOSPC);
}

// The commands that all three have; `wanted` is what the others need, 0 for nothing.
template <typename Object>
Reply Control(Kernel& k, const Call& call, int command, uint64_t buffer, uint32_t wanted) {
  if (int error = k.ipc.Enter(call.tid())) return Reply::Error(error);
  const Credentials& c = k.CredentialsOf(call);
  switch (command) {
    case IPC_STAT:
    case Object::kStat:
    case Object::kStatAny:
      return Show<Object>(k, call, command, buffer);
    case IPC_SET:
    case IPC_RMID: {
      const int id = call.int_arg(0);
      typename Object::Status status;
      if (Object::Control(id, IPC_STAT, &status) != 0) return Reply::Continue();
      // Who gave it away, or has no owner's right any more since it was forgotten, had it when the call began.
      const bool may = call.journal().Resumed() || IpcMayControl(c, k.ipc.OwnerOf(Object::kKind, id));
      if (!may) return Reply::Error(EPERM);
      call.journal().Begin();
      if (command == IPC_SET) return SetOwner<Object>(k, call, buffer);
      k.ipc.Forget(Object::kKind, id);
      return Reply::Continue();
    }
    default:
      return wanted == 0 ? Reply::Continue() : Use<Object>(k, call, wanted);
  }
}

}  // namespace

Reply SysShmGet(Kernel& k, const Call& call) { return Get<Memory>(k, call, call.arg(1), call.int_arg(2)); }
Reply SysSemGet(Kernel& k, const Call& call) { return Get<Semaphores>(k, call, call.arg(1), call.int_arg(2)); }
Reply SysMsgGet(Kernel& k, const Call& call) { return Get<Messages>(k, call, 0, call.int_arg(1)); }

Reply SysShmAt(Kernel& k, const Call& call) {
  const int flags = call.int_arg(2);
  if (call.arg(1) % SHMLBA != 0 && !(flags & SHM_RND)) return Reply::Error(EINVAL);
  const uint32_t wanted = (flags & SHM_RDONLY ? kRead : kRead | kWrite) | (flags & SHM_EXEC ? kExecute : 0);
  return Use<Memory>(k, call, wanted);
}

Reply SysShmCtl(Kernel& k, const Call& call) {
  const int command = call.int_arg(1);
  if (command == SHM_LOCK || command == SHM_UNLOCK) {
    const Credentials& c = k.CredentialsOf(call);
    if (int error = k.ipc.Enter(call.tid())) return Reply::Error(error);
    const IpcOwner owner = k.ipc.OwnerOf(IpcKind::kMemory, call.int_arg(0));
    const bool may = c.Has(CAP_IPC_LOCK) || c.euid == owner.uid || c.euid == owner.creator_uid;
    return may ? Reply::Continue() : Reply::Error(EPERM);
  }
  return Control<Memory>(k, call, command, call.arg(2), 0);
}

Reply SysSemOp(Kernel& k, const Call& call) {
  if (k.CredentialsOf(call).Has(CAP_IPC_OWNER) || call.id_arg(2) == 0) return Reply::Continue();
  constexpr uint32_t kMost = 500;  // SEMOPM: the kernel says E2BIG
  std::vector<sembuf> operations(std::min(call.id_arg(2), kMost));
  if (int error = ReadGuest(call.tid(), call.arg(1), operations.data(), operations.size() * sizeof(operations[0]))) {
    return Reply::Error(error);
  }
  const bool alters =
      std::any_of(operations.begin(), operations.end(), [](const sembuf& operation) { return operation.sem_op != 0; });
  return Use<Semaphores>(k, call, alters ? kWrite : kRead);
}

Reply SysSemCtl(Kernel& k, const Call& call) {
  const int command = call.int_arg(2);
  uint32_t wanted = 0;
  switch (command) {
    case GETVAL:
    case GETPID:
    case GETNCNT:
    case GETZCNT:
    case GETALL:
      wanted = kRead;
      break;
    case SETVAL:
    case SETALL:
      wanted = kWrite;
      break;
  }
  return Control<Semaphores>(k, call, command, call.arg(3), wanted);
}

Reply SysMsgSnd(Kernel& k, const Call& call) {
  long type;
  if (int error = ReadGuest(call.tid(), call.arg(1), &type, sizeof(type))) return Reply::Error(error);
  return type < 1 ? Reply::Error(EINVAL) : Use<Messages>(k, call, kWrite);
}
Reply SysMsgRcv(Kernel& k, const Call& call) { return Use<Messages>(k, call, kRead); }
Reply SysMsgCtl(Kernel& k, const Call& call) { return Control<Messages>(k, call, call.int_arg(1), call.arg(2), 0); }

}  // namespace wslm::lxcore
