// Who works on which distro: an operation holds its distros (and the names of those to be) exclusively.
//
//   ASSIGN_OR_RETURN(DistroLocks::Lock lock, locks.Take(record.id, record.name, {operation_id, kind}));
//
// Nothing waits: what is taken gives DISTRO_BUSY with the operation in the way. Thread-safe; the locks outlive it not.
#ifndef WSLM_DAEMON_OPERATIONS_DISTRO_LOCKS_H_
#define WSLM_DAEMON_OPERATIONS_DISTRO_LOCKS_H_

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "wslm/v1/operation.pb.h"

namespace wslm::daemon {

class DistroLocks {
 public:
  struct Holder {
    // Empty for a change that is over in a moment.
    std::string operation_id;
    v1::OperationKind kind = v1::OPERATION_KIND_UNSPECIFIED;
    // The distro is made by it.
    bool makes = false;
  };

  // Held as long as it lives. Movable.
  class Lock {
   public:
    Lock() = default;
    Lock(Lock&& other) noexcept : locks_(std::exchange(other.locks_, nullptr)), key_(std::move(other.key_)) {}
    Lock& operator=(Lock&& other) noexcept {
      Release();
      locks_ = std::exchange(other.locks_, nullptr);
      key_ = std::move(other.key_);
      return *this;
    }
    ~Lock() { Release(); }
    void Release();

   private:
    friend class DistroLocks;
    Lock(DistroLocks* locks, std::string key) : locks_(locks), key_(std::move(key)) {}
    DistroLocks* locks_ = nullptr;
    std::string key_;
  };

  // `key`: a distro's id, or NameKey of a name that is to be. `shown` names it in errors. Error: DISTRO_BUSY.
  absl::StatusOr<Lock> Take(const std::string& key, const std::string& shown, Holder holder);
  // Error: DISTRO_BUSY.
  absl::Status CheckFree(const std::string& key, const std::string& shown) const;
  std::optional<Holder> HolderOf(const std::string& key) const;

  static std::string NameKey(const std::string& name);

 private:
  mutable std::mutex mutex_;
  std::map<std::string, Holder> held_;
};

}  // namespace wslm::daemon

#endif  // WSLM_DAEMON_OPERATIONS_DISTRO_LOCKS_H_
