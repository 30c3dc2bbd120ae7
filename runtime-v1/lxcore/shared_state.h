// The memory that a distro's guardian shares with each lxcore that it starts, and through which one takes over from
// another: the calls under way, who is who, what is kept nowhere else.
//
//   ASSIGN_OR_RETURN(SharedState state, SharedState::Make());       // the guardian
//   ASSIGN_OR_RETURN(SharedState state, SharedState::Attach(fd));   // lxcore: refuses another version's layout
#ifndef WSLM_RUNTIME_V1_LXCORE_SHARED_STATE_H_
#define WSLM_RUNTIME_V1_LXCORE_SHARED_STATE_H_

#include <linux/seccomp.h>

#include <atomic>
#include <cstdint>

#include "absl/status/statusor.h"
#include "distros/host/unique_fd.h"
#include "runtime-v1/lxcore/guest_descriptors.h"
#include "runtime-v1/lxcore/journal.h"
#include "runtime-v1/lxcore/kept_log.h"

namespace wslm::lxcore {

// A call from its receipt to its answer.
struct CallSlot {
  // Kernels may write more than the struct we know. The id, which is its first field, is 0 while the slot is free.
  union Notification {
    seccomp_notif call;
    char room[256];
  } notification;
  Journal journal;
  GivenDescriptor given;
  // How many lxcores have begun to work on it.
  uint32_t attempts;
  // It kept lxcore from all others: the next one doesn't try.
  uint32_t stuck;
};

struct SharedMemory {
  // First, so that every version finds them: magic number and version of all that follows.
  uint32_t magic;
  uint32_t layout;

  // Lxcores that have begun to serve.
  std::atomic<uint64_t> starts;
  // Calls answered by now: when lxcore ends again and again without any, it is no use to start it again.
  std::atomic<uint64_t> answered;
  // The signal that ended the last lxcore, 0 at first. Written by the guardian.
  std::atomic<int32_t> last_signal;
  // Lxcore has prepared what guests find at their start.
  std::atomic<uint32_t> prepared;
  // What lxcore has learnt and can't look up (guest_paths.h, guest_files.h).
  std::atomic<uint32_t> roots_differ;
  std::atomic<uint32_t> foreign_mounts;

  // As many as calls may be under way at once: one at the receiver, the others in the pool.
  static constexpr int kSlots = 32;
  CallSlot slots[kSlots];

  KeptArea kept;
};

class SharedState {
 public:
  // To be counted up with every change of what lies there (SharedMemory, Journal, the records in KeptLog), and of how
  // the guardian starts lxcore (serve.h): an lxcore of another number can't take over.
  static constexpr uint32_t kLayout = 1;

  static absl::StatusOr<SharedState> Make();
  // FAILED_PRECONDITION when another version made it.
  static absl::StatusOr<SharedState> Attach(UniqueFd fd);

  SharedState(SharedState&&) noexcept;
  SharedState& operator=(SharedState&&) = delete;
  ~SharedState();

  int fd() const { return fd_.get(); }
  // The guardian's, for KeptFiles.
  int files_in() const { return files_in_.get(); }
  int files_out() const { return files_out_.get(); }
  SharedMemory& operator*() const { return *memory_; }
  SharedMemory* operator->() const { return memory_; }

 private:
  SharedState(UniqueFd fd, SharedMemory* memory) : fd_(std::move(fd)), memory_(memory) {}
  static absl::StatusOr<SharedState> Map(UniqueFd fd);

  UniqueFd fd_;
  SharedMemory* memory_;
  UniqueFd files_in_, files_out_;
};

}  // namespace wslm::lxcore

#endif  // WSLM_RUNTIME_V1_LXCORE_SHARED_STATE_H_
