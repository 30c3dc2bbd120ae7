#include "daemon/operations/operation_manager.h"

#include <chrono>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "daemon/server/status.h"
#include "daemon/timestamps.h"
#include "distros/host/error.h"
#include "distros/host/random_id.h"
#include "distros/host/status_macros.h"

namespace wslm::daemon {
namespace {

constexpr size_t kKeptOperations = 100;
constexpr size_t kMinPrefix = 4;

void SetResult(v1::Operation& operation, const absl::StatusOr<v1::OperationResponse>& result) {
  operation.set_state(v1::OPERATION_STATE_DONE);
  operation.set_cancellable(false);
  *operation.mutable_end_time() = ToTimestamp(absl::Now());
  if (result.ok()) {
    *operation.mutable_response() = *result;
  } else {
    *operation.mutable_error() = ToRpcStatus(result.status());
  }
}

// What a person is to do.
const char* Verb(v1::OperationKind kind) {
  switch (kind) {
    case v1::OPERATION_KIND_PULL:
      return "Pull";
    case v1::OPERATION_KIND_IMPORT:
    case v1::OPERATION_KIND_IMPORT_IN_PLACE:
      return "Import";
    case v1::OPERATION_KIND_EXPORT:
      return "Export";
    case v1::OPERATION_KIND_CONVERT:
      return "Convert";
    case v1::OPERATION_KIND_CLONE:
      return "Clone";
    case v1::OPERATION_KIND_RESIZE:
      return "Resize";
    case v1::OPERATION_KIND_TRIM:
      return "Trim";
    case v1::OPERATION_KIND_CHECK:
      return "Check";
    case v1::OPERATION_KIND_COMPARE:
      return "Compare";
    case v1::OPERATION_KIND_PUSH:
      return "Push";
    default:
      return "Try";
  }
}

std::string Summary(const v1::Operation& operation) {
  std::string text = absl::StrCat("operation ", operation.id(), " (", v1::OperationKind_Name(operation.kind()));
  for (const auto& distro : operation.distros()) absl::StrAppend(&text, " ", distro.name());
  return absl::StrCat(text, ")");
}

}  // namespace

OperationManager::OperationManager(WriteJournal write_journal, EventBus& events, Log& log)
    : write_journal_(std::move(write_journal)), events_(events), log_(log) {}

OperationManager::~OperationManager() {
  for (const Running& running : operations_) {
    if (running->thread.joinable()) running->thread.join();
  }
}

void OperationManager::Recover(const std::vector<JournalEntry>& journal, const Recoverer& recoverer) {
  for (const JournalEntry& entry : journal) {
    JournalRecord record;
    if (!record.ParseFromString(entry.body)) {
      log_.Error(
          absl::StrCat("operation ", entry.id, " is left out: the journal holds no record of it that can be read"));
      continue;
    }
    if (!entry.done) {
      SetResult(*record.mutable_operation(), recoverer(record));
      log_.Warning(
          absl::StrCat(Summary(record.operation()), " was under way when the daemon died: ",
                       record.operation().has_error() ? record.operation().error().message() : "it was finished"));
      if (const auto status = WriteRecord(record); !status.ok()) {
        log_.Error(absl::StrCat("cannot write the journal: ", status.message()));
      }
    }
    std::lock_guard lock(mutex_);
    operations_.push_back(std::make_shared<RunningOperation>(std::move(record), nullptr));
  }
  ForgetOld();
}

absl::StatusOr<std::optional<v1::Operation>> OperationManager::FindRepeat(const OperationRequest& request) const {
  if (request.request_id.empty()) return std::nullopt;
  std::lock_guard lock(mutex_);
  for (const Running& running : operations_) {
    const JournalRecord record = running->record();
    if (record.request_id() != request.request_id) continue;
    if (record.request_body() == request.body && record.operation().kind() == request.kind) return record.operation();
    return Error(absl::StatusCode::kAlreadyExists, reason::kRequestIdReused,
                 absl::StrCat("The request_id '", request.request_id, "' was used for another request (operation ",
                              record.operation().id(), ")."));
  }
  return std::nullopt;
}

absl::StatusOr<v1::Operation> OperationManager::Begin(
    const OperationRequest& request, const std::function<absl::StatusOr<OperationPlan>(const std::string&)>& prepare) {
  std::lock_guard begin_lock(begin_mutex_);
  ASSIGN_OR_RETURN(const auto repeat, FindRepeat(request));
  if (repeat) return *repeat;
  {
    std::lock_guard lock(mutex_);
    if (stopping_) return Error(absl::StatusCode::kUnavailable, reason::kShuttingDown, "wslmd is ending; try again.");
  }
  ForgetOld();

  JournalRecord record;
  auto* operation = record.mutable_operation();
  operation->set_id("op-" + RandomHex(6));
  ASSIGN_OR_RETURN(OperationPlan plan, prepare(operation->id()));
  operation->set_kind(request.kind);
  operation->set_requestor(Escaped(request.requestor));
  operation->set_state(v1::OPERATION_STATE_PENDING);
  operation->set_cancellable(true);
  *operation->mutable_create_time() = ToTimestamp(absl::Now());
  for (const auto& distro : plan.distros) *operation->add_distros() = distro;
  record.set_request_id(request.request_id);
  record.set_request_body(request.body);
  RETURN_IF_ERROR(WriteRecord(record));

  const v1::Operation begun = *operation;
  auto running =
      std::make_shared<RunningOperation>(std::move(record), [this](const JournalRecord& r) { return WriteRecord(r); });
  events_.OperationChanged(v1::CHANGE_KIND_CREATED, begun);
  log_.Info(absl::StrCat(Summary(begun), " begins, asked for by '", begun.requestor(), "'"));
  std::lock_guard lock(mutex_);
  operations_.push_back(running);
  running->thread = std::thread(
      [this, running, plan = std::make_shared<OperationPlan>(std::move(plan))] { Work(running, std::move(*plan)); });
  return begun;
}

void OperationManager::Work(const Running& running, OperationPlan plan) {
  running->SetRunning();
  for (const auto& tell : plan.changed) tell();
  absl::StatusOr<v1::OperationResponse> result = plan.work(*running);
  running->OnCancel(nullptr);
  plan.work = nullptr;
  if (!result.ok() && running->cancel_requested()) {
    // However the work noticed it.
    log_.Info(absl::StrCat("operation ", running->id(), " stopped with: ", result.status().message()));
    result = running->CheckCancelled();
  }

  JournalRecord record = running->record();
  SetResult(*record.mutable_operation(), result);
  // The mark in the journal comes first: once others may use the distro, nothing may be undone any more.
  if (const auto status = WriteRecord(record); !status.ok()) {
    log_.Error(absl::StrCat("cannot write the journal: ", status.message()));
  }
  plan.locks.clear();
  plan.shown.reset();
  for (const auto& tell : plan.changed) tell();
  log_.Info(
      absl::StrCat(Summary(record.operation()), result.ok() ? " is done" : " failed: ", result.status().message()));
  {
    std::lock_guard lock(mutex_);
    running->Finish(record.operation());
  }
  ended_.notify_all();
  events_.OperationChanged(v1::CHANGE_KIND_UPDATED, record.operation());
}

absl::Status OperationManager::WriteRecord(const JournalRecord& record) {
  return write_journal_({.id = record.operation().id(),
                         .body = record.SerializeAsString(),
                         .done = record.operation().state() == v1::OPERATION_STATE_DONE});
}

absl::StatusOr<OperationManager::Running> OperationManager::Find(const std::string& id) const {
  std::lock_guard lock(mutex_);
  std::vector<Running> found;
  for (const Running& running : operations_) {
    if (running->id() == id) return running;
    if (id.size() >= kMinPrefix && absl::StartsWith(running->id(), id)) found.push_back(running);
  }
  if (found.size() > 1) {
    return Error(absl::StatusCode::kInvalidArgument, reason::kInvalidArgument,
                 absl::StrCat(found.size(), " operations begin with '", id, "'; give more of the id."),
                 {{"field", "id"}});
  }
  if (found.empty()) {
    return Error(absl::StatusCode::kNotFound, reason::kOperationNotFound,
                 absl::StrCat("There is no operation '", id, "'. 'wslm op list' shows those there are."),
                 {{"operation", id}});
  }
  return found[0];
}

absl::StatusOr<v1::Operation> OperationManager::Get(const std::string& id) const {
  ASSIGN_OR_RETURN(const Running running, Find(id));
  return running->operation();
}

absl::StatusOr<v1::Operation> OperationManager::Cancel(const std::string& id) {
  ASSIGN_OR_RETURN(const Running running, Find(id));
  const bool first = !running->cancel_requested();
  RETURN_IF_ERROR(running->Cancel(Error(absl::StatusCode::kCancelled, reason::kCancelled,
                                        "The operation was cancelled; everything is as it was before.")));
  const v1::Operation operation = running->operation();
  if (first) {
    log_.Info(absl::StrCat(Summary(operation), " is to be cancelled"));
    events_.OperationChanged(v1::CHANGE_KIND_UPDATED, operation);
  }
  return operation;
}

std::vector<v1::Operation> OperationManager::List(bool unfinished_only) const {
  std::lock_guard lock(mutex_);
  std::vector<v1::Operation> result;
  for (auto running = operations_.rbegin(); running != operations_.rend(); ++running) {
    v1::Operation operation = (*running)->operation();
    if (unfinished_only && operation.state() == v1::OPERATION_STATE_DONE) continue;
    result.push_back(std::move(operation));
  }
  return result;
}

int OperationManager::unfinished() const { return static_cast<int>(List(true).size()); }

absl::StatusOr<std::shared_ptr<OperationManager::OperationWatch>> OperationManager::Watch(const std::string& id,
                                                                                          std::function<void()> wake) {
  ASSIGN_OR_RETURN(const Running running, Find(id));
  auto watch = std::make_shared<OperationWatch>(running);
  running->AddWatcher(watch, std::move(wake));
  return watch;
}

std::optional<v1::Operation> OperationManager::OperationWatch::Next() {
  auto [operation, version] = running_->Snapshot();
  if (version == seen_) return std::nullopt;
  seen_ = version;
  return std::move(operation);
}

bool OperationManager::Stop(absl::Duration timeout) {
  std::vector<Running> unfinished;
  {
    // Begin looks at stopping_ with this lock held.
    std::lock_guard begin_lock(begin_mutex_);
    std::lock_guard lock(mutex_);
    stopping_ = true;
    for (const Running& running : operations_) {
      if (!running->done()) unfinished.push_back(running);
    }
  }
  for (const Running& running : unfinished) {
    // Whoever waits for it did not ask for that.
    const auto why = Error(absl::StatusCode::kAborted, reason::kInterrupted,
                           absl::StrCat("The daemon was ended during this operation; everything is as it was before. ",
                                        Verb(running->operation().kind()), " again."));
    if (running->Cancel(why).ok())
      log_.Info(absl::StrCat(Summary(running->operation()), " is cancelled: the daemon ends"));
  }
  std::unique_lock lock(mutex_);
  return ended_.wait_for(lock, absl::ToChronoMilliseconds(timeout), [this] {
    for (const Running& running : operations_) {
      if (!running->done()) return false;
    }
    return true;
  });
}

void OperationManager::ForgetOld() {
  std::lock_guard lock(mutex_);
  size_t done = 0;
  for (const Running& running : operations_) done += running->done() ? 1 : 0;
  for (auto running = operations_.begin(); running != operations_.end();) {
    const auto next = std::next(running);
    if ((*running)->done()) {
      // Its thread needs no lock of this object's any more.
      if ((*running)->thread.joinable()) (*running)->thread.join();
      if (done > kKeptOperations) {
        --done;
        operations_.erase(running);
      }
    }
    running = next;
  }
}

}  // namespace wslm::daemon
