#include "daemon/operations/running_operation.h"

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "daemon/timestamps.h"
#include "distros/host/error.h"

namespace wslm::daemon {
namespace {

constexpr absl::Duration kProgressInterval = absl::Milliseconds(100);
constexpr int kMaxWarnings = 100;
// Before that an estimate jumps about.
constexpr absl::Duration kEtaAfter = absl::Seconds(2);

}  // namespace

RunningOperation::RunningOperation(JournalRecord record, Journal journal)
    : id_(record.operation().id()), journal_(std::move(journal)), record_(std::move(record)) {}

void RunningOperation::BeginPhase(v1::ProgressPhase phase) {
  std::unique_lock lock(mutex_);
  phase_begin_ = absl::Now();
  last_progress_ = absl::InfinitePast();
  auto* progress = record_.mutable_operation()->mutable_progress();
  progress->Clear();
  progress->set_phase(phase);
  progress->set_point_of_no_return(past_point_of_no_return_);
  Changed(std::move(lock));
}

void RunningOperation::Progress(int64_t done, int64_t total, const std::string& item) {
  std::unique_lock lock(mutex_);
  const absl::Time now = absl::Now();
  auto* progress = record_.mutable_operation()->mutable_progress();
  progress->set_done(done);
  progress->set_total(total);
  progress->set_unit(v1::PROGRESS_UNIT_BYTES);
  progress->set_current_item(Escaped(item));
  const absl::Duration elapsed = now - phase_begin_;
  progress->clear_eta();
  if (total > 0 && done > 0 && done <= total && elapsed > kEtaAfter) {
    *progress->mutable_eta() = ToDuration(elapsed * (static_cast<double>(total - done) / static_cast<double>(done)));
  }
  if (now - last_progress_ < kProgressInterval) return;
  last_progress_ = now;
  Changed(std::move(lock));
}

void RunningOperation::Warn(const std::string& sentence) {
  std::unique_lock lock(mutex_);
  if (record_.operation().warnings_size() >= kMaxWarnings) return;
  record_.mutable_operation()->add_warnings(Escaped(sentence));
  Changed(std::move(lock));
}

absl::Status RunningOperation::CheckCancelled() const {
  if (!cancel_) return absl::OkStatus();
  std::lock_guard lock(mutex_);
  return why_;
}

void RunningOperation::OnCancel(std::function<void()> callback) {
  std::lock_guard callback_lock(callback_mutex_);
  if (cancel_ && callback != nullptr) {
    callback();
    return;
  }
  cancel_callback_ = std::move(callback);
}

absl::Status RunningOperation::PassPointOfNoReturn() {
  std::unique_lock lock(mutex_);
  if (cancel_) return why_;
  past_point_of_no_return_ = true;
  record_.mutable_operation()->set_cancellable(false);
  record_.mutable_operation()->mutable_progress()->set_point_of_no_return(true);
  Changed(std::move(lock));
  return absl::OkStatus();
}

absl::Status RunningOperation::NoteLeftover(const std::string& file) {
  return Note([&](JournalRecord& record) { record.add_leftover_files(file); });
}

absl::Status RunningOperation::NoteUndoRegistration() {
  return Note([](JournalRecord& record) { record.set_undo_registration(true); });
}

absl::Status RunningOperation::NoteResponse(const v1::OperationResponse& response) {
  return Note([&](JournalRecord& record) { *record.mutable_intended_response() = response; });
}

absl::Status RunningOperation::Note(const std::function<void(JournalRecord&)>& change) {
  std::unique_lock lock(mutex_);
  change(record_);
  const JournalRecord record = record_;
  lock.unlock();
  return journal_(record);
}

v1::Operation RunningOperation::operation() const {
  std::lock_guard lock(mutex_);
  return record_.operation();
}

JournalRecord RunningOperation::record() const {
  std::lock_guard lock(mutex_);
  return record_;
}

bool RunningOperation::done() const {
  std::lock_guard lock(mutex_);
  return record_.operation().state() == v1::OPERATION_STATE_DONE;
}

std::pair<v1::Operation, int64_t> RunningOperation::Snapshot() const {
  std::lock_guard lock(mutex_);
  return {record_.operation(), version_};
}

void RunningOperation::SetRunning() {
  std::unique_lock lock(mutex_);
  if (record_.operation().state() != v1::OPERATION_STATE_PENDING) return;
  record_.mutable_operation()->set_state(v1::OPERATION_STATE_RUNNING);
  Changed(std::move(lock));
}

absl::Status RunningOperation::Cancel(const absl::Status& why) {
  std::lock_guard callback_lock(callback_mutex_);
  {
    std::unique_lock lock(mutex_);
    auto* operation = record_.mutable_operation();
    if (cancel_) return absl::OkStatus();
    if (operation->state() == v1::OPERATION_STATE_DONE || past_point_of_no_return_) {
      return Error(absl::StatusCode::kFailedPrecondition, reason::kNotCancellable,
                   absl::StrCat("Operation ", id_,
                                operation->state() == v1::OPERATION_STATE_DONE
                                    ? " has ended already."
                                    : " can no longer be cancelled; it will end in a moment."),
                   {{"operation", id_}});
    }
    why_ = why;
    cancel_ = true;
    operation->set_state(v1::OPERATION_STATE_CANCELLING);
    operation->set_cancellable(false);
    Changed(std::move(lock));
  }
  if (cancel_callback_) std::exchange(cancel_callback_, nullptr)();
  return absl::OkStatus();
}

void RunningOperation::Finish(const v1::Operation& final_state) {
  std::unique_lock lock(mutex_);
  *record_.mutable_operation() = final_state;
  Changed(std::move(lock));
}

void RunningOperation::AddWatcher(std::weak_ptr<void> owner, std::function<void()> wake) {
  std::lock_guard lock(mutex_);
  watchers_.push_back({std::move(owner), std::move(wake)});
}

void RunningOperation::Changed(std::unique_lock<std::mutex> lock) {
  ++version_;
  std::erase_if(watchers_, [](const Watcher& watcher) { return watcher.owner.expired(); });
  const std::vector<Watcher> watchers = watchers_;
  lock.unlock();
  for (const Watcher& watcher : watchers) {
    if (const auto owner = watcher.owner.lock()) watcher.wake();
  }
}

}  // namespace wslm::daemon
