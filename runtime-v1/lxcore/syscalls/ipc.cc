// sysvipc(7), mq_overview(7).
#include "runtime-v1/lxcore/syscalls/areas.h"

namespace wslm::lxcore {
namespace {

constexpr Remarks kByOthers = {.missing = "shm_cpid of what others than root make is 0"};

}  // namespace

SyscallArea IpcCalls() {
  return {"Inter-process communication",
          {
              Served(29, "shmget", SysShmGet, kByOthers),
              Served(30, "shmat", SysShmAt),
              Native(67, "shmdt"),
              Served(31, "shmctl", SysShmCtl),
              Served(64, "semget", SysSemGet),
              Served(65, "semop", SysSemOp),
              Served(220, "semtimedop", SysSemOp),
              Served(66, "semctl", SysSemCtl),
              Served(68, "msgget", SysMsgGet),
              Served(69, "msgsnd", SysMsgSnd),
              Served(70, "msgrcv", SysMsgRcv),
              Served(71, "msgctl", SysMsgCtl),
              Served(240, "mq_open", SysMqOpen),
              Served(241, "mq_unlink", SysMqUnlink),
              Native(242, "mq_timedsend"),
              Native(243, "mq_timedreceive"),
              Native(244, "mq_notify"),
              Native(245, "mq_getsetattr"),
          }};
}

}  // namespace wslm::lxcore
