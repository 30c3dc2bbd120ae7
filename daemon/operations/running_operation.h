// One operation as the manager keeps it: its state, who watches it, and the context that its work reports to.
#ifndef WSLM_DAEMON_OPERATIONS_RUNNING_OPERATION_H_
#define WSLM_DAEMON_OPERATIONS_RUNNING_OPERATION_H_

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "daemon/operations/journal.pb.h"
#include "daemon/operations/operation_context.h"

namespace wslm::daemon {

// Thread-safe; the functions of OperationContext are for the work's thread.
class RunningOperation : public OperationContext {
 public:
  // Writes the record to the journal as not done.
  using Journal = std::function<absl::Status(const JournalRecord&)>;

  RunningOperation(JournalRecord record, Journal journal);

  const std::string& id() const override { return id_; }
  void BeginPhase(v1::ProgressPhase phase) override;
  void Progress(int64_t done, int64_t total, const std::string& item) override;
  void Warn(const std::string& sentence) override;
  const CancelFlag* cancel_flag() const override { return &cancel_; }
  absl::Status CheckCancelled() const override;
  void OnCancel(std::function<void()> callback) override;
  absl::Status PassPointOfNoReturn() override;
  absl::Status NoteLeftover(const std::string& file) override;
  absl::Status NoteUndoRegistration() override;
  absl::Status NoteResponse(const v1::OperationResponse& response) override;

  v1::Operation operation() const;
  JournalRecord record() const;
  bool done() const;
  // Its state and a number that grows with each change that watchers shall see.
  std::pair<v1::Operation, int64_t> Snapshot() const;

  void SetRunning();
  // Asks the work to stop, and to fail with `why`; the first one's counts. Error: NOT_CANCELLABLE.
  absl::Status Cancel(const absl::Status& why);
  bool cancel_requested() const { return cancel_.load(); }
  // Makes the final state the one that is shown.
  void Finish(const v1::Operation& final_state);

  // `wake` is called after each change as long as `owner` lives.
  void AddWatcher(std::weak_ptr<void> owner, std::function<void()> wake);

  // The thread that works on it; the manager's.
  std::thread thread;

 private:
  struct Watcher {
    std::weak_ptr<void> owner;
    std::function<void()> wake;
  };
  absl::Status Note(const std::function<void(JournalRecord&)>& change);
  // Counts a change and tells the watchers. Takes the lock and releases it.
  void Changed(std::unique_lock<std::mutex> lock);

  const std::string id_;
  const Journal journal_;
  CancelFlag cancel_ = false;

  mutable std::mutex mutex_;
  JournalRecord record_;
  int64_t version_ = 0;
  bool past_point_of_no_return_ = false;
  // Why it is cancelled; set before cancel_.
  absl::Status why_;
  absl::Time phase_begin_;
  absl::Time last_progress_;
  std::vector<Watcher> watchers_;

  // Held while the callback runs, so that it can be withdrawn. Taken before mutex_.
  std::mutex callback_mutex_;
  std::function<void()> cancel_callback_;
};

}  // namespace wslm::daemon

#endif  // WSLM_DAEMON_OPERATIONS_RUNNING_OPERATION_H_
