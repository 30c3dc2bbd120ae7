// What an operation's work is given: where it reports, and where it learns that it shall stop.
#ifndef WSLM_DAEMON_OPERATIONS_OPERATION_CONTEXT_H_
#define WSLM_DAEMON_OPERATIONS_OPERATION_CONTEXT_H_

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "distros/tree/transfer.h"
#include "wslm/v1/operation.pb.h"

namespace wslm::daemon {

// Used by one thread, the operation's own.
class OperationContext {
 public:
  virtual ~OperationContext() = default;

  virtual const std::string& id() const = 0;

  // Goes to a phase; the counts start anew.
  virtual void BeginPhase(v1::ProgressPhase phase) = 0;
  // Within the phase, in bytes; total 0 = unknown. Call it as often as is handy: clients hear of it ten times a second.
  virtual void Progress(int64_t done, int64_t total, const std::string& item) = 0;
  virtual void Warn(const std::string& sentence) = 0;

  // For Transfer: reports what it does as this phase's progress and stops it when the operation is cancelled.
  TransferOptions Transferring() {
    return {.progress = [this](const TransferProgress& p) { Progress(p.done, p.total, p.path); },
            .cancel = cancel_flag()};
  }

  virtual const CancelFlag* cancel_flag() const = 0;
  // CANCELLED when a cancel was asked for.
  virtual absl::Status CheckCancelled() const = 0;
  // Called once, on some thread, when a cancel is asked for; at once when it was already. Replaces the one before; it
  // is not called any more once this function was called again, with nullptr too.
  virtual void OnCancel(std::function<void()> callback) = 0;
  // From here on the operation can't be cancelled. CANCELLED when it was before.
  virtual absl::Status PassPointOfNoReturn() = 0;

  // For the journal, should the daemon die. Each is written before it returns.
  // A file that is about to be made has to be removed.
  virtual absl::Status NoteLeftover(const std::string& file) = 0;
  // The distro must go, though registered, before the operation is done.
  virtual absl::Status NoteUndoRegistration() = 0;
  // This is the response once the next step is done.
  virtual absl::Status NoteResponse(const v1::OperationResponse& response) = 0;
};

}  // namespace wslm::daemon

#endif  // WSLM_DAEMON_OPERATIONS_OPERATION_CONTEXT_H_
