// Runs operations: each on a thread of its own, journaled, watched, cancelled, and remembered.
//
//   OperationManager operations(write_journal, events, log);
//   operations.Recover(registry.Journal(), undo_or_finish);
//   auto operation = operations.Begin(request, [&](const std::string& id) -> absl::StatusOr<OperationPlan> { ... });
//
// Thread-safe.
#ifndef WSLM_DAEMON_OPERATIONS_OPERATION_MANAGER_H_
#define WSLM_DAEMON_OPERATIONS_OPERATION_MANAGER_H_

#include <condition_variable>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "daemon/events/event_bus.h"
#include "daemon/log.h"
#include "daemon/operations/distro_locks.h"
#include "daemon/operations/journal.pb.h"
#include "daemon/operations/operation_context.h"
#include "daemon/operations/running_operation.h"
#include "distros/registry/registry.h"
#include "wslm/v1/operation.pb.h"

namespace wslm::daemon {

struct OperationRequest {
  v1::OperationKind kind = v1::OPERATION_KIND_UNSPECIFIED;
  std::string requestor;
  // May be empty.
  std::string request_id;
  // The request's bytes, without its request_id.
  std::string body;
};

// What an operation is about and what it does.
struct OperationPlan {
  std::vector<v1::DistroRef> distros;
  // Released just before the operation is shown as DONE, `shown` after the locks.
  std::vector<DistroLocks::Lock> locks;
  // What shows a distro that is being made; may be null.
  std::shared_ptr<void> shown;
  // Either makes everything or leaves everything as it was.
  std::function<absl::StatusOr<v1::OperationResponse>(OperationContext&)> work;
  // They tell watchers that the distros are in another state: called before the work, and once more after the locks are
  // released and before the operation is shown as DONE.
  std::vector<std::function<void()>> changed;
};

class OperationManager {
 public:
  using WriteJournal = std::function<absl::Status(const JournalEntry&)>;
  // Makes good what an operation left that the daemon died in. Answers its response when it was complete but for the
  // last mark, else the error to be kept (INTERRUPTED).
  using Recoverer = std::function<absl::StatusOr<v1::OperationResponse>(const JournalRecord&)>;

  class OperationWatch;

  // `events` and `log` outlive it.
  OperationManager(WriteJournal write_journal, EventBus& events, Log& log);
  // Waits for all operations; call Stop before.
  ~OperationManager();
  OperationManager(const OperationManager&) = delete;
  OperationManager& operator=(const OperationManager&) = delete;

  // Takes over the journal of earlier daemons. Call it before the first Begin.
  void Recover(const std::vector<JournalEntry>& journal, const Recoverer& recoverer);

  // Starts an operation. A request_id that was seen with the same body answers the operation of then; with another one
  // REQUEST_ID_REUSED. `prepare` checks the request and takes the locks, quickly; its error is the answer.
  absl::StatusOr<v1::Operation> Begin(
      const OperationRequest& request,
      const std::function<absl::StatusOr<OperationPlan>(const std::string& id)>& prepare);

  // `id` or a unique beginning of at least 4 characters. Errors: OPERATION_NOT_FOUND, INVALID_ARGUMENT (ambiguous).
  absl::StatusOr<v1::Operation> Get(const std::string& id) const;
  // Errors: as Get, NOT_CANCELLABLE.
  absl::StatusOr<v1::Operation> Cancel(const std::string& id);
  // Newest first.
  std::vector<v1::Operation> List(bool unfinished_only) const;
  int unfinished() const;

  // `wake` is called from any thread whenever OperationWatch::Next may have something; it must not block. Errors as
  // Get.
  absl::StatusOr<std::shared_ptr<OperationWatch>> Watch(const std::string& id, std::function<void()> wake);

  // Takes no more operations, cancels those that can be, and waits for all. False: some go on after `timeout`.
  bool Stop(absl::Duration timeout);

 private:
  using Running = std::shared_ptr<RunningOperation>;

  absl::StatusOr<Running> Find(const std::string& id) const;
  // The operation of an earlier request with the same id, if any. Error: REQUEST_ID_REUSED.
  absl::StatusOr<std::optional<v1::Operation>> FindRepeat(const OperationRequest& request) const;
  absl::Status WriteRecord(const JournalRecord& record);
  // On the operation's thread.
  void Work(const Running& running, OperationPlan plan);
  // Joins the threads of those that ended and forgets all but the last of them.
  void ForgetOld();

  const WriteJournal write_journal_;
  EventBus& events_;
  Log& log_;
  // Held through Begin, so that of two equal requests the second finds the first one's operation.
  std::mutex begin_mutex_;
  mutable std::mutex mutex_;
  std::condition_variable ended_;
  // The oldest first.
  std::list<Running> operations_;
  bool stopping_ = false;
};

// Watches one operation. What a slow watcher misses are states in between; the last one always comes.
class OperationManager::OperationWatch {
 public:
  explicit OperationWatch(std::shared_ptr<RunningOperation> running) : running_(std::move(running)) {}
  // The present state, when it is another than the last time.
  std::optional<v1::Operation> Next();

 private:
  const std::shared_ptr<RunningOperation> running_;
  int64_t seen_ = -1;
};

}  // namespace wslm::daemon

#endif  // WSLM_DAEMON_OPERATIONS_OPERATION_MANAGER_H_
