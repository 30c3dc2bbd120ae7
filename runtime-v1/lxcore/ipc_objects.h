// Who owns the System V objects of an IPC namespace: sysvipc(7). The kernel has their modes; to it all are the one
// user's.
//
//   if (int error = k.ipc.Enter(tid)) return Reply::Error(error);
//   shmctl(id, IPC_STAT, &status);                         // in the guest's namespace now
//   IpcMayAccess(c, k.ipc.OwnerOf(IpcKind::kMemory, id), status.shm_perm.mode, S_IRUGO)
// One thread only.
#ifndef WSLM_RUNTIME_V1_LXCORE_IPC_OBJECTS_H_
#define WSLM_RUNTIME_V1_LXCORE_IPC_OBJECTS_H_

#include <sys/types.h>

#include <compare>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "runtime-v1/lxcore/credentials.h"
#include "runtime-v1/lxcore/kept_log.h"

namespace wslm::lxcore {

enum class IpcKind : uint8_t { kMemory, kSemaphores, kMessages };

struct IpcOwner {
  uint32_t uid = 0, gid = 0;
  uint32_t creator_uid = 0, creator_gid = 0;
  friend bool operator==(const IpcOwner&, const IpcOwner&) = default;
};

class IpcObjects {
 public:
  // `proc`: the host's /proc. `kept`, which may be null: where owners are kept. Both must outlive this.
  explicit IpcObjects(int proc, KeptLog* kept = nullptr);

  // Makes the IPC namespace of `tid` the calling thread's, for what follows. 0 or an errno.
  int Enter(pid_t tid);
  // Root's, when nobody has said otherwise.
  IpcOwner OwnerOf(IpcKind kind, int id) const;
  // False: there is no room to keep it.
  [[nodiscard]] bool Set(IpcKind kind, int id, const IpcOwner& owner);
  void Forget(IpcKind kind, int id);
  // The text of a file in /proc/sysvipc with the owners; the functions say how its reader numbers users, groups and
  // processes.
  struct Numbers {
    std::function<uint32_t(uint32_t)> uid, gid, pid;
  };
  std::string VirtualList(IpcKind kind, std::string_view text, const Numbers& numbers) const;

 private:
  // Part of what is kept (SharedState::kLayout).
  struct Key {
    uint64_t space;
    uint32_t kind;
    int32_t id;
    auto operator<=>(const Key&) const = default;
  };
  Key KeyOf(IpcKind kind, int id) const { return {space_, static_cast<uint32_t>(kind), id}; }

  int proc_;
  KeptLog* kept_;
  ino_t space_ = 0;
  std::map<Key, IpcOwner> owners_;
};

// Whether `c` may do what the bits of `wanted` (as in a mode, of any class) ask for.
bool IpcMayAccess(const Credentials& c, const IpcOwner& owner, uint32_t mode, uint32_t wanted);
// Whether it may change or remove the object.
bool IpcMayControl(const Credentials& c, const IpcOwner& owner);

}  // namespace wslm::lxcore

#endif  // WSLM_RUNTIME_V1_LXCORE_IPC_OBJECTS_H_
