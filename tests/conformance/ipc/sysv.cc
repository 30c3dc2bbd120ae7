// sysvipc(7): owners and modes of shared memory, semaphores and message queues.
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>

#include "tests/conformance/conformance.h"

namespace wslm::conformance {
namespace {

constexpr char kArea[] = "ipc/sysv";

// Removes what it holds, whoever made it: root runs its destructor.
struct Memory {
  explicit Memory(int made) : id(made) {}
  ~Memory() { shmctl(id, IPC_RMID, nullptr); }
  int id;
};

key_t KeyOfTest(int which) { return static_cast<key_t>(0x5751000 + getpid() * 16 + which); }

BEHAVIOUR(kUsers, "what a user makes is its own") {
  const Memory memory(OK(shmget(IPC_PRIVATE, 4096, 0640)));
  shmid_ds status;
  OK(shmctl(memory.id, IPC_STAT, &status));
  SAME(getuid(), status.shm_perm.uid);
  SAME(getgid(), status.shm_perm.gid);
  SAME(getuid(), status.shm_perm.cuid);
  SAME(getgid(), status.shm_perm.cgid);
  SAME(0640, status.shm_perm.mode);
  SAME(4096, status.shm_segsz);
}

BEHAVIOUR(kRoot, "another user's memory is used as its mode allows") {
  int id = -1;
  int pipes[2];
  OK(pipe(pipes));
  const key_t key = KeyOfTest(0);
  As(kUser, [=] {
    const int made = OK(shmget(key, 4096, IPC_CREAT | 0644));
    OK(write(pipes[1], &made, sizeof(made)));
  });
  OK(read(pipes[0], &id, sizeof(id)));
  const Memory memory(id);
  As(kOther, [=] {
    SAME(id, shmget(key, 0, 0444));
    FAILS(EACCES, shmget(key, 0, 0666));
    FAILS(EACCES, shmat(id, nullptr, 0));
    OK(shmat(id, nullptr, SHM_RDONLY));
    shmid_ds status;
    OK(shmctl(id, IPC_STAT, &status));
    SAME(kUser, status.shm_perm.uid);
    FAILS(EPERM, shmctl(id, IPC_SET, &status));
    FAILS(EPERM, shmctl(id, IPC_RMID, nullptr));
  });
  As(kUser, [=] {
    shmid_ds status;
    OK(shmctl(id, IPC_STAT, &status));
    status.shm_perm.mode = 0600;
    OK(shmctl(id, IPC_SET, &status));
    OK(shmat(id, nullptr, 0));
  });
  As(kOther, [=] {
    shmid_ds status;
    FAILS(EACCES, shmctl(id, IPC_STAT, &status));
    FAILS(EACCES, shmat(id, nullptr, SHM_RDONLY));
  });
  OK(shmat(id, nullptr, 0));
  As(kUser, [=] { OK(shmctl(id, IPC_RMID, nullptr)); });
}

BEHAVIOUR(kRoot, "root gives memory away, the creator keeps its rights") {
  const Memory memory(OK(shmget(IPC_PRIVATE, 4096, 0600)));
  As(kUser, [&] { FAILS(EACCES, shmat(memory.id, nullptr, SHM_RDONLY)); });
  shmid_ds status;
  OK(shmctl(memory.id, IPC_STAT, &status));
  status.shm_perm.uid = kUser;
  status.shm_perm.gid = 77;
  OK(shmctl(memory.id, IPC_SET, &status));
  OK(shmctl(memory.id, IPC_STAT, &status));
  SAME(kUser, status.shm_perm.uid);
  SAME(77, status.shm_perm.gid);
  SAME(0, status.shm_perm.cuid);
  As(kUser, [&] { OK(shmat(memory.id, nullptr, 0)); });
}

BEHAVIOUR(kUsers, "exclusive creation of what is there is EEXIST, of what isn't there without creation ENOENT") {
  const key_t key = KeyOfTest(1);
  FAILS(ENOENT, shmget(key, 0, 0));
  const Memory memory(OK(shmget(key, 100, IPC_CREAT | 0600)));
  FAILS(EEXIST, shmget(key, 100, IPC_CREAT | IPC_EXCL | 0600));
  FAILS(EINVAL, shmget(key, 1 << 20, 0600));
  SAME(memory.id, shmget(key, 100, 0600));
}

BEHAVIOUR(kRoot, "another user's semaphores are used as their mode allows") {
  int pipes[2];
  OK(pipe(pipes));
  As(kUser, [=] {
    const int made = OK(semget(IPC_PRIVATE, 2, 0604));
    OK(write(pipes[1], &made, sizeof(made)));
  });
  int id;
  OK(read(pipes[0], &id, sizeof(id)));
  As(kOther, [=] {
    SAME(0, semctl(id, 0, GETVAL));
    FAILS(EACCES, semctl(id, 0, SETVAL, 1));
    sembuf wait = {0, 0, IPC_NOWAIT}, raise = {0, 1, IPC_NOWAIT};
    OK(semop(id, &wait, 1));
    FAILS(EACCES, semop(id, &raise, 1));
    FAILS(EPERM, semctl(id, 0, IPC_RMID));
  });
  As(kUser, [=] {
    sembuf raise = {0, 1, IPC_NOWAIT};
    OK(semop(id, &raise, 1));
    SAME(1, semctl(id, 0, GETVAL));
    semid_ds status;
    OK(semctl(id, 0, IPC_STAT, &status));
    SAME(kUser, status.sem_perm.uid);
    SAME(2, status.sem_nsems);
    OK(semctl(id, 0, IPC_RMID));
  });
}

BEHAVIOUR(kRoot, "another user's messages are read and sent as the mode allows") {
  int pipes[2];
  OK(pipe(pipes));
  As(kUser, [=] {
    const int made = OK(msgget(IPC_PRIVATE, 0604));
    OK(write(pipes[1], &made, sizeof(made)));
  });
  int id;
  OK(read(pipes[0], &id, sizeof(id)));
  struct {
    long type;
    char text[4];
  } message = {1, "abc"};
  As(kOther, [&] {
    FAILS(EACCES, msgsnd(id, &message, 4, IPC_NOWAIT));
    FAILS(ENOMSG, msgrcv(id, &message, 4, 0, IPC_NOWAIT));
    FAILS(EPERM, msgctl(id, IPC_RMID, nullptr));
  });
  As(kUser, [&] { OK(msgsnd(id, &message, 4, IPC_NOWAIT)); });
  As(kOther, [&] { SAME(4, msgrcv(id, &message, 4, 0, IPC_NOWAIT)); });
  OK(msgctl(id, IPC_RMID, nullptr));
}

BEHAVIOUR(kUsers, "the list in /proc shows owners") {
  const Memory memory(OK(shmget(IPC_PRIVATE, 4096, 0600)));
  const std::string list = ReadFile("/proc/sysvipc/shm");
  const std::string row = std::to_string(memory.id) + "   600 ";
  const size_t at = list.find(row);
  THAT(at != std::string::npos);
  unsigned uid = 0, gid = 0;
  SAME(2, sscanf(list.c_str() + at, "%*d %*d %*d %*d %*d %*d %u %u", &uid, &gid));
  SAME(getuid(), uid);
  SAME(getgid(), gid);
}

BEHAVIOUR(kRoot, "arguments that are wrong are told before rights") {
  const Memory memory(OK(shmget(IPC_PRIVATE, 4096, 0600)));
  const int semaphores = OK(semget(IPC_PRIVATE, 1, 0600));
  const int messages = OK(msgget(IPC_PRIVATE, 0600));
  As(kUser, [&] {
    FAILS(EINVAL, shmat(memory.id, reinterpret_cast<void*>(1), 0));
    FAILS(EACCES, shmat(memory.id, nullptr, 0));
    sembuf operation = {0, 1, IPC_NOWAIT};
    FAILS(EINVAL, semop(semaphores, &operation, 0));
    FAILS(EACCES, semop(semaphores, &operation, 1));
    struct {
      long type;
      char text[4];
    } message = {0, "x"};
    FAILS(EINVAL, msgsnd(messages, &message, 1, IPC_NOWAIT));
    message.type = 1;
    FAILS(EACCES, msgsnd(messages, &message, 1, IPC_NOWAIT));
  });
  OK(semctl(semaphores, 0, IPC_RMID));
  OK(msgctl(messages, IPC_RMID, nullptr));
}

}  // namespace
}  // namespace wslm::conformance
