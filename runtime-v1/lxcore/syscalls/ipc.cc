// sysvipc(7), mq_overview(7).
#include "runtime-v1/lxcore/syscalls/areas.h"

namespace wslm::lxcore {
namespace {

constexpr Remarks kNoOwners = {.missing = "all belongs to root, and every user inside may use it"};

}  // namespace

SyscallArea IpcCalls() {
  return {"Inter-process communication",
          {
              Native(29, "shmget", kNoOwners),
              Native(30, "shmat", kNoOwners),
              Native(67, "shmdt"),
              Native(31, "shmctl", kNoOwners),
              Native(64, "semget", kNoOwners),
              Native(65, "semop", kNoOwners),
              Native(220, "semtimedop", kNoOwners),
              Native(66, "semctl", kNoOwners),
              Native(68, "msgget", kNoOwners),
              Native(69, "msgsnd", kNoOwners),
              Native(70, "msgrcv", kNoOwners),
              Native(71, "msgctl", kNoOwners),
              Native(240, "mq_open", kNoOwners),
              Native(241, "mq_unlink", kNoOwners),
              Native(242, "mq_timedsend"),
              Native(243, "mq_timedreceive"),
              Native(244, "mq_notify"),
              Native(245, "mq_getsetattr"),
          }};
}

}  // namespace wslm::lxcore
