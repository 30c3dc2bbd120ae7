#include "daemon/operations/operation_manager.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <map>

#include "distros/host/error.h"
#include "distros/host/status_macros.h"
#include "google/rpc/error_details.pb.h"

namespace wslm::daemon {
namespace {

// The journal as the registry would keep it.
class FakeJournal {
 public:
  OperationManager::WriteJournal writer() {
    return [this](const JournalEntry& entry) {
      std::lock_guard lock(mutex_);
      if (entries_.count(entry.id) == 0) order_.push_back(entry.id);
      entries_[entry.id] = entry;
      return absl::OkStatus();
    };
  }
  std::vector<JournalEntry> entries() const {
    std::lock_guard lock(mutex_);
    std::vector<JournalEntry> result;
    for (const auto& id : order_) result.push_back(entries_.at(id));
    return result;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> order_;
  std::map<std::string, JournalEntry> entries_;
};

class OperationManagerTest : public testing::Test {
 protected:
  using Work = std::function<absl::StatusOr<v1::OperationResponse>(OperationContext&)>;

  absl::StatusOr<v1::Operation> Begin(Work work,
                                      const OperationRequest& request = {.kind = v1::OPERATION_KIND_EXPORT}) {
    return operations_.Begin(request, [&](const std::string& id) -> absl::StatusOr<OperationPlan> {
      OperationPlan plan;
      ASSIGN_OR_RETURN(auto lock, locks_.Take("id-1", "debian", {id, request.kind}));
      plan.locks.push_back(std::move(lock));
      plan.distros.emplace_back();
      plan.distros.back().set_name("debian");
      plan.work = std::move(work);
      return plan;
    });
  }

  v1::Operation WaitFor(const std::string& id) {
    // Shared: a wake-up may still be under way when the last state was seen.
    struct Wakening {
      std::mutex mutex;
      std::condition_variable changed;
      bool woken = true;
    };
    const auto wakening = std::make_shared<Wakening>();
    const auto watch = *operations_.Watch(id, [wakening] {
      std::lock_guard lock(wakening->mutex);
      wakening->woken = true;
      wakening->changed.notify_all();
    });
    while (true) {
      while (const auto operation = watch->Next()) {
        if (operation->state() == v1::OPERATION_STATE_DONE) return *operation;
      }
      std::unique_lock lock(wakening->mutex);
      EXPECT_TRUE(wakening->changed.wait_for(lock, std::chrono::seconds(20), [&] { return wakening->woken; }));
      wakening->woken = false;
    }
  }

  static Work UntilCancelled() {
    return [](OperationContext& context) -> absl::StatusOr<v1::OperationResponse> {
      const auto cancelled = std::make_shared<std::promise<void>>();
      context.OnCancel([cancelled] { cancelled->set_value(); });
      cancelled->get_future().wait();
      // The callback is over once it is withdrawn.
      context.OnCancel(nullptr);
      return context.CheckCancelled();
    };
  }

  static absl::StatusOr<v1::OperationResponse> Nothing(OperationContext&) { return v1::OperationResponse(); }

  std::unique_ptr<Log> log_ = NoLog();
  EventBus events_{"boot"};
  FakeJournal journal_;
  DistroLocks locks_;
  OperationManager operations_{journal_.writer(), events_, *log_};
};

std::string ReasonOf(const v1::Operation& operation) {
  EXPECT_TRUE(operation.has_error());
  google::rpc::ErrorInfo info;
  EXPECT_TRUE(operation.error().details(0).UnpackTo(&info));
  return info.reason();
}

TEST_F(OperationManagerTest, AnOperationEndsWithItsResponse) {
  const auto begun = Begin([](OperationContext& context) {
    context.BeginPhase(v1::PROGRESS_PHASE_COPY);
    context.Warn("odd");
    v1::OperationResponse response;
    response.mutable_export_()->set_bytes(7);
    return response;
  });
  ASSERT_TRUE(begun.ok()) << begun.status();
  const auto operation = WaitFor(begun->id());
  EXPECT_EQ(operation.response().export_().bytes(), 7);
  EXPECT_EQ(operation.warnings(0), "odd");
  EXPECT_EQ(operation.distros(0).name(), "debian");
  EXPECT_TRUE(operation.has_end_time());
  EXPECT_TRUE(journal_.entries()[0].done);
}

TEST_F(OperationManagerTest, AFailureIsKeptWithItsReason) {
  const auto begun = Begin([](OperationContext&) -> absl::StatusOr<v1::OperationResponse> {
    return Error(absl::StatusCode::kResourceExhausted, reason::kDiskFull, "No room.");
  });
  EXPECT_EQ(ReasonOf(WaitFor(begun->id())), "DISK_FULL");
}

TEST_F(OperationManagerTest, ACancelledOperationRollsBackAndSaysSo) {
  const auto begun = Begin(UntilCancelled());
  const auto cancelling = operations_.Cancel(begun->id());
  ASSERT_TRUE(cancelling.ok()) << cancelling.status();
  EXPECT_TRUE(operations_.Cancel(begun->id()).ok() || WaitFor(begun->id()).has_error());
  EXPECT_EQ(ReasonOf(WaitFor(begun->id())), "CANCELLED");
}

TEST_F(OperationManagerTest, PastThePointOfNoReturnNothingIsCancelled) {
  std::promise<void> passed;
  std::promise<void> go_on;
  const auto begun = Begin([&](OperationContext& context) -> absl::StatusOr<v1::OperationResponse> {
    RETURN_IF_ERROR(context.PassPointOfNoReturn());
    passed.set_value();
    go_on.get_future().wait();
    return v1::OperationResponse();
  });
  passed.get_future().wait();
  const auto cancel = operations_.Cancel(begun->id());
  EXPECT_EQ(wslm::ReasonOf(cancel.status()), "NOT_CANCELLABLE");
  EXPECT_TRUE(operations_.Get(begun->id())->progress().point_of_no_return());
  go_on.set_value();
  EXPECT_TRUE(WaitFor(begun->id()).has_response());
}

TEST_F(OperationManagerTest, AnotherOperationOnTheSameDistroNamesTheOneInTheWay) {
  const auto first = Begin(UntilCancelled());
  const auto second = Begin(Nothing);
  EXPECT_EQ(wslm::ReasonOf(second.status()), "DISTRO_BUSY");
  EXPECT_EQ(MetadataOf(second.status()).at("operation"), first->id());
  ASSERT_TRUE(operations_.Cancel(first->id()).ok());
  WaitFor(first->id());
  EXPECT_TRUE(Begin(Nothing).ok());
}

TEST_F(OperationManagerTest, TheSameRequestAnswersTheSameOperationAndAnotherBodyIsRefused) {
  const OperationRequest request = {.kind = v1::OPERATION_KIND_EXPORT, .request_id = "r1", .body = "a"};
  std::atomic<int> runs = 0;
  const auto work = [&](OperationContext&) -> absl::StatusOr<v1::OperationResponse> {
    ++runs;
    return v1::OperationResponse();
  };
  const auto first = Begin(work, request);
  const auto second = Begin(work, request);
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_EQ(first->id(), second->id());
  WaitFor(first->id());
  EXPECT_EQ(Begin(work, request)->id(), first->id());
  EXPECT_EQ(runs, 1);
  auto other = request;
  other.body = "b";
  EXPECT_EQ(wslm::ReasonOf(Begin(work, other).status()), "REQUEST_ID_REUSED");
}

TEST_F(OperationManagerTest, AnOperationIsFoundByAUniqueBeginningOfItsId) {
  const auto begun = Begin(Nothing);
  EXPECT_EQ(operations_.Get(begun->id().substr(0, 8))->id(), begun->id());
  EXPECT_EQ(wslm::ReasonOf(operations_.Get("op-").status()), "OPERATION_NOT_FOUND");
  EXPECT_EQ(wslm::ReasonOf(operations_.Get("nonsense").status()), "OPERATION_NOT_FOUND");
}

TEST_F(OperationManagerTest, OperationsAreListedNewestFirst) {
  const auto first = Begin(Nothing);
  WaitFor(first->id());
  const auto second = Begin(UntilCancelled());
  ASSERT_EQ(operations_.List(false).size(), 2u);
  EXPECT_EQ(operations_.List(false)[0].id(), second->id());
  ASSERT_EQ(operations_.List(true).size(), 1u);
  EXPECT_EQ(operations_.unfinished(), 1);
  ASSERT_TRUE(operations_.Cancel(second->id()).ok());
}

TEST_F(OperationManagerTest, WhatTheDaemonDiedInComesBackInterruptedOrFinished) {
  const auto undone = Begin([](OperationContext& context) -> absl::StatusOr<v1::OperationResponse> {
    RETURN_IF_ERROR(context.NoteLeftover("/x/part"));
    return v1::OperationResponse();
  });
  WaitFor(undone->id());
  const auto finished = Begin(Nothing);
  WaitFor(finished->id());
  // As they were before their last mark.
  auto entries = journal_.entries();
  for (auto& entry : entries) {
    JournalRecord record;
    ASSERT_TRUE(record.ParseFromString(entry.body));
    record.mutable_operation()->set_state(v1::OPERATION_STATE_RUNNING);
    record.mutable_operation()->clear_result();
    entry = {entry.id, record.SerializeAsString(), false};
  }
  FakeJournal journal;
  OperationManager next(journal.writer(), events_, *log_);
  next.Recover(entries, [&](const JournalRecord& record) -> absl::StatusOr<v1::OperationResponse> {
    if (record.operation().id() == finished->id()) return v1::OperationResponse();
    EXPECT_EQ(record.leftover_files(0), "/x/part");
    return Error(absl::StatusCode::kAborted, reason::kInterrupted, "The daemon died; all was rolled back.");
  });
  EXPECT_EQ(ReasonOf(*next.Get(undone->id())), "INTERRUPTED");
  EXPECT_TRUE(next.Get(finished->id())->has_response());
  for (const auto& entry : journal.entries()) EXPECT_TRUE(entry.done);
}

TEST_F(OperationManagerTest, StopInterruptsWhatRunsAndTakesNothingNew) {
  const auto begun = Begin(UntilCancelled());
  EXPECT_TRUE(operations_.Stop(absl::Seconds(20)));
  const auto operation = *operations_.Get(begun->id());
  EXPECT_EQ(operation.state(), v1::OPERATION_STATE_DONE);
  EXPECT_EQ(ReasonOf(operation), "INTERRUPTED") << "nobody cancelled it";
  EXPECT_EQ(operation.error().message(),
            "The daemon was ended during this operation; everything is as it was before. Export again.");
  EXPECT_EQ(wslm::ReasonOf(Begin(Nothing).status()), "SHUTTING_DOWN");
}

TEST_F(OperationManagerTest, WhatWasCancelledBeforeTheStopStaysCancelled) {
  std::promise<void> go_on;
  const auto begun = Begin([&](OperationContext& context) -> absl::StatusOr<v1::OperationResponse> {
    go_on.get_future().wait();
    return context.CheckCancelled();
  });
  ASSERT_TRUE(operations_.Cancel(begun->id()).ok());
  auto stopped = std::async(std::launch::async, [&] { return operations_.Stop(absl::Seconds(20)); });
  while (wslm::ReasonOf(Begin(Nothing).status()) != "SHUTTING_DOWN") std::this_thread::yield();
  go_on.set_value();
  EXPECT_TRUE(stopped.get());
  EXPECT_EQ(ReasonOf(*operations_.Get(begun->id())), "CANCELLED");
}

TEST_F(OperationManagerTest, ProgressReachesWatchersAtMostTenTimesASecond) {
  std::atomic<int> wakes = 0;
  std::promise<void> go_on;
  const auto begun = Begin([&](OperationContext& context) -> absl::StatusOr<v1::OperationResponse> {
    go_on.get_future().wait();
    for (int i = 0; i < 10000; ++i) context.Progress(i, 10000, "usr/bin/x");
    return v1::OperationResponse();
  });
  const auto watch = *operations_.Watch(begun->id(), [&] { ++wakes; });
  go_on.set_value();
  WaitFor(begun->id());
  EXPECT_LT(wakes, 100);
}

}  // namespace
}  // namespace wslm::daemon
