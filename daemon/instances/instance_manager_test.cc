#include "daemon/instances/instance_manager.h"

#include <gtest/gtest.h>

#include <thread>

#include "absl/time/clock.h"
#include "daemon/instances/fake_runtime.h"
#include "daemon/instances/start_spec.h"

namespace wslm::daemon {
namespace {

RegistryEntry Debian() {
  RegistryEntry entry;
  entry.record.id = "id-1";
  entry.record.name = "debian";
  entry.folder = "/data/id-1";
  return entry;
}

class InstanceManagerTest : public testing::Test {
 protected:
  void Make(InstanceManager::Timing timing = {}) {
    manager_.emplace(v1_, v2_, locks_, *log_, timing, [this](const std::string&) { ++changes_; });
  }

  template <class Condition>
  static bool Eventually(Condition condition) {
    for (int i = 0; i < 1000; ++i) {
      if (condition()) return true;
      absl::SleepFor(absl::Milliseconds(10));
    }
    return false;
  }

  std::unique_ptr<Log> log_ = NoLog();
  FakeRuntime v1_;
  FakeRuntime v2_;
  DistroLocks locks_;
  std::atomic<int> changes_ = 0;
  std::optional<InstanceManager> manager_;
};

TEST_F(InstanceManagerTest, ADistroIsStartedOnceForAllWhoWantItAtTheSameTime) {
  v1_.while_starting = [] { absl::SleepFor(absl::Milliseconds(50)); };
  Make();
  std::atomic<int> got = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] { got += manager_->Acquire(Debian(), {}).ok() ? 1 : 0; });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(got, 8);
  EXPECT_EQ(v1_.starts, 1);
  EXPECT_EQ(manager_->StateOf("id-1"), v1::DISTRO_STATE_RUNNING);
}

TEST_F(InstanceManagerTest, AFailedStartIsTheAnswerAndTheNextOneTriesAgain) {
  v1_.start_error = Error(absl::StatusCode::kInternal, reason::kStartFailed, "no");
  Make();
  EXPECT_EQ(ReasonOf(manager_->Acquire(Debian(), {}).status()), "START_FAILED");
  EXPECT_EQ(manager_->StateOf("id-1"), v1::DISTRO_STATE_STOPPED);
  v1_.start_error = absl::OkStatus();
  EXPECT_TRUE(manager_->Acquire(Debian(), {}).ok());
}

TEST_F(InstanceManagerTest, ADistroThatAnOperationHoldsIsStartedForThatOperationOnly) {
  Make();
  const auto lock = locks_.Take("id-1", "debian", {"op-1", v1::OPERATION_KIND_IMPORT});
  EXPECT_EQ(ReasonOf(manager_->Acquire(Debian(), {}).status()), "DISTRO_BUSY");
  EXPECT_TRUE(manager_->Acquire(Debian(), {.operation_id = "op-1"}).ok());
}

TEST_F(InstanceManagerTest, AnIdleDistroIsStoppedAndOneThatIsUsedIsNot) {
  Make({.idle_timeout = absl::Milliseconds(20), .poll = absl::Milliseconds(10), .vm_timeout = absl::Hours(1)});
  {
    const auto use = manager_->Acquire(Debian(), {});
    absl::SleepFor(absl::Milliseconds(200));
    EXPECT_EQ(manager_->StateOf("id-1"), v1::DISTRO_STATE_RUNNING);
  }
  EXPECT_TRUE(Eventually([&] { return manager_->StateOf("id-1") == v1::DISTRO_STATE_STOPPED; }));
  EXPECT_EQ(v1_.instance("id-1")->stops, 1);
}

TEST_F(InstanceManagerTest, ABackgroundProcessKeepsADistroUp) {
  Make({.idle_timeout = absl::Milliseconds(20), .poll = absl::Milliseconds(10), .vm_timeout = absl::Hours(1)});
  {
    const auto use = manager_->Acquire(Debian(), {});
    v1_.instance("id-1")->fake_channel->SetStats(0, 1);
  }
  absl::SleepFor(absl::Milliseconds(200));
  EXPECT_EQ(manager_->StateOf("id-1"), v1::DISTRO_STATE_RUNNING);
  v1_.instance("id-1")->fake_channel->SetStats(0, 0);
  EXPECT_TRUE(Eventually([&] { return manager_->StateOf("id-1") == v1::DISTRO_STATE_STOPPED; }));
}

TEST_F(InstanceManagerTest, TheVmIsShutDownSomeTimeAfterTheLastDistroInIt) {
  Make({.idle_timeout = absl::Hours(1), .poll = absl::Milliseconds(10), .vm_timeout = absl::Milliseconds(20)});
  auto entry = Debian();
  entry.record.version = 2;
  ASSERT_TRUE(manager_->Acquire(entry, {}).ok());
  absl::SleepFor(absl::Milliseconds(100));
  EXPECT_EQ(v2_.idle_shutdowns, 0);
  ASSERT_TRUE(manager_->Stop("id-1", absl::ZeroDuration()).ok());
  EXPECT_TRUE(Eventually([&] { return v2_.idle_shutdowns == 1; }));
}

TEST_F(InstanceManagerTest, AVmThatIsNeededAtTheLastMomentIsLookedAtAgain) {
  v2_.while_ending = [] { return false; };
  Make({.idle_timeout = absl::Hours(1), .poll = absl::Milliseconds(10), .vm_timeout = absl::Milliseconds(20)});
  auto entry = Debian();
  entry.record.version = 2;
  ASSERT_TRUE(manager_->Acquire(entry, {}).ok());
  ASSERT_TRUE(manager_->Stop("id-1", absl::ZeroDuration()).ok());
  EXPECT_TRUE(Eventually([&] { return v2_.idle_shutdowns >= 2; }));
  manager_->Quiesce();
  EXPECT_EQ(v2_.shutdowns, 0);
}

TEST_F(InstanceManagerTest, TheVmIsAskedWhetherItIsNeededWhileTheManagerCanBeUsed) {
  std::atomic<bool> needed = true;
  std::atomic<int> answered = 0;
  v2_.when_asked = [&] {
    // On another thread, as the runtime's, which needs the manager before it can answer.
    std::thread([&] { manager_->RunningIds(); }).join();
    ++answered;
    return needed.load();
  };
  Make({.idle_timeout = absl::Hours(1), .poll = absl::Milliseconds(10), .vm_timeout = absl::Milliseconds(20)});
  auto entry = Debian();
  entry.record.version = 2;
  ASSERT_TRUE(manager_->Acquire(entry, {}).ok());
  ASSERT_TRUE(manager_->Stop("id-1", absl::ZeroDuration()).ok());
  EXPECT_TRUE(Eventually([&] { return answered > 1; }));
  EXPECT_EQ(v2_.idle_shutdowns, 0);
  needed = false;
  EXPECT_TRUE(Eventually([&] { return v2_.idle_shutdowns == 1; }));
  manager_->Quiesce();
}

TEST_F(InstanceManagerTest, ADistroThatDiesIsStoppedAndCanBeStartedAgain) {
  Make();
  ASSERT_TRUE(manager_->Acquire(Debian(), {}).ok());
  v1_.instance("id-1")->End();
  EXPECT_EQ(manager_->StateOf("id-1"), v1::DISTRO_STATE_STOPPED);
  EXPECT_TRUE(manager_->Acquire(Debian(), {}).ok());
  EXPECT_EQ(v1_.starts, 2);
}

TEST_F(InstanceManagerTest, WhatRunsAlreadyIsAdoptedAndWhatNobodyKnowsIsStopped) {
  const auto known = std::make_shared<FakeInstance>("id-1");
  const auto unknown = std::make_shared<FakeInstance>("id-2");
  v1_.adopted = {known, unknown};
  Make();
  manager_->Adopt({Debian()});
  EXPECT_EQ(manager_->StateOf("id-1"), v1::DISTRO_STATE_RUNNING);
  EXPECT_EQ(unknown->stops, 1);
  EXPECT_TRUE(manager_->AcquireRunning("id-1").has_value());
  EXPECT_EQ(v1_.starts, 0);
}

TEST_F(InstanceManagerTest, ADistroWithSessionsIsNotStoppedForAnOperationUnlessAskedTo) {
  Make();
  ASSERT_TRUE(manager_->Acquire(Debian(), {}).ok());
  v1_.instance("id-1")->fake_channel->AddSession("s-1", "sleep 100");
  const auto refused = manager_->EnsureStopped(Debian(), false);
  EXPECT_EQ(ReasonOf(refused), "DISTRO_RUNNING");
  EXPECT_NE(std::string(refused.message()).find("sleep 100"), std::string::npos);
  EXPECT_NE(std::string(refused.message()).find("wslm terminate debian"), std::string::npos);
  EXPECT_EQ(MetadataOf(refused).at("sessions"), "s-1");
  EXPECT_TRUE(manager_->EnsureStopped(Debian(), true).ok());
  EXPECT_EQ(manager_->StateOf("id-1"), v1::DISTRO_STATE_STOPPED);
}

TEST_F(InstanceManagerTest, AnIdleDistroIsStoppedForAnOperation) {
  Make();
  ASSERT_TRUE(manager_->Acquire(Debian(), {}).ok());
  EXPECT_TRUE(manager_->EnsureStopped(Debian(), false).ok());
  EXPECT_EQ(manager_->StateOf("id-1"), v1::DISTRO_STATE_STOPPED);
}

TEST_F(InstanceManagerTest, ABrokenDistroIsNotStarted) {
  Make();
  auto entry = Debian();
  entry.broken_reason = "no record";
  EXPECT_EQ(ReasonOf(manager_->Acquire(entry, {}).status()), "DISTRO_BROKEN");
}

TEST(StartSpecTest, AnIsolatedDistroHasNoAutomount) {
  auto entry = Debian();
  EXPECT_TRUE(MakeStartSpec(entry).config.automount());
  entry.record.isolated = true;
  EXPECT_FALSE(MakeStartSpec(entry).config.automount());
}

TEST_F(InstanceManagerTest, WhoStartsADistroAndWhoWaitsForItHearWhatTakesLong) {
  std::vector<std::string> first;
  std::vector<std::string> second;
  std::thread waiting;
  v1_.while_starting = [&] {
    waiting = std::thread([&] {
      EXPECT_TRUE(manager_->Acquire(Debian(), {.note = [&](const std::string& note) { second.push_back(note); }}).ok());
    });
    absl::SleepFor(absl::Milliseconds(100));
  };
  Make();
  ASSERT_TRUE(manager_->Acquire(Debian(), {.note = [&](const std::string& note) { first.push_back(note); }}).ok());
  waiting.join();
  EXPECT_EQ(first, std::vector<std::string>{"fetching nothing"});
  EXPECT_EQ(second, first);
}

RegistryEntry DebianV2() {
  RegistryEntry entry = Debian();
  entry.record.version = 2;
  return entry;
}

TEST_F(InstanceManagerTest, AShutdownEndsTheVmInWhichADistroCannotBeStopped) {
  Make();
  ASSERT_TRUE(manager_->Acquire(DebianV2(), {}).ok());
  v2_.instance("id-1")->stop_error = absl::DeadlineExceededError("it hangs");
  const auto stopped = manager_->StopAll(absl::ZeroDuration());
  ASSERT_TRUE(stopped.ok()) << stopped.status();
  EXPECT_EQ(*stopped, std::vector<std::string>{"id-1"});
  EXPECT_EQ(v2_.ends, 1);
  EXPECT_EQ(manager_->StateOf("id-1"), v1::DISTRO_STATE_STOPPED);
}

TEST_F(InstanceManagerTest, AShutdownThatCannotStopAVersion1DistroSaysSo) {
  Make();
  ASSERT_TRUE(manager_->Acquire(Debian(), {}).ok());
  v1_.instance("id-1")->stop_error = absl::DeadlineExceededError("it hangs");
  EXPECT_FALSE(manager_->StopAll(absl::ZeroDuration()).ok());
  EXPECT_EQ(manager_->StateOf("id-1"), v1::DISTRO_STATE_RUNNING);
}

TEST_F(InstanceManagerTest, AVersion1DistroThatCannotBeStoppedLeavesTheVmItsOrderlyEnd) {
  Make();
  RegistryEntry other = DebianV2();
  other.record.id = "id-2";
  ASSERT_TRUE(manager_->Acquire(Debian(), {}).ok());
  ASSERT_TRUE(manager_->Acquire(other, {}).ok());
  v1_.instance("id-1")->stop_error = absl::DeadlineExceededError("it hangs");
  EXPECT_EQ(manager_->StopAll(absl::ZeroDuration()).status(), absl::DeadlineExceededError("it hangs"));
  EXPECT_EQ(manager_->StateOf("id-2"), v1::DISTRO_STATE_STOPPED);
  EXPECT_EQ(v2_.ends, 0);
  EXPECT_EQ(v2_.shutdowns, 1);
}

TEST_F(InstanceManagerTest, WhyADistroEndedIsWaitedForOnlyWhereItsVmEnded) {
  Make();
  ASSERT_TRUE(manager_->Acquire(DebianV2(), {}).ok());
  const auto instance = v2_.instance("id-1");
  const absl::Time begin = absl::Now();
  EXPECT_EQ(manager_->WhyEnded("id-1"), "") << "its init died";
  EXPECT_LT(absl::Now() - begin, absl::Seconds(4));
  instance->fake_channel->hung_up = true;
  std::thread vm([&] {
    absl::SleepFor(absl::Milliseconds(50));
    v2_.incident({.distro_ids = {"id-1"}, .message = "The VM was killed."});
    instance->End();
  });
  EXPECT_EQ(manager_->WhyEnded("id-1"), "The VM was killed.");
  vm.join();
}

class UnansweredTest : public InstanceManagerTest {
 protected:
  UnansweredTest() {
    v2_.unanswered = {.status = absl::DeadlineExceededError("no answer"), .distro_ids = {"id-1"}};
    Make({.answer_patience = absl::Milliseconds(50)});
    manager_->Adopt({DebianV2()});
  }
};

TEST_F(UnansweredTest, WhatMayRunInItIsStartingAndWhoNeedsItIsToldWhy) {
  EXPECT_EQ(manager_->StateOf("id-1"), v1::DISTRO_STATE_STARTING);
  for (const absl::Status& status :
       {manager_->Acquire(DebianV2(), {}).status(), manager_->WaitUntilKnown("id-1"),
        manager_->Stop("id-1", absl::ZeroDuration()), manager_->CheckStoppable(DebianV2(), false)}) {
    EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
    EXPECT_EQ(ReasonOf(status), reason::kRuntimeDied);
  }
  EXPECT_EQ(v2_.starts, 0);
  EXPECT_EQ(v2_.shutdowns, 0);
}

TEST_F(UnansweredTest, ItsDistrosAreTakenOverWhenItAnswers) {
  const auto instance = std::make_shared<FakeInstance>("id-1");
  v2_.late({instance});
  EXPECT_TRUE(manager_->WaitUntilKnown("id-1").ok());
  EXPECT_EQ(manager_->StateOf("id-1"), v1::DISTRO_STATE_RUNNING);
  const auto use = manager_->AcquireRunning("id-1");
  ASSERT_TRUE(use.has_value());
  EXPECT_EQ(use->channel(), instance->channel());
  EXPECT_GT(changes_, 0);
}

TEST_F(UnansweredTest, ADistroThatEndsAsItsVmAnswersIsStopped) {
  const auto instance = std::make_shared<FakeInstance>("id-1");
  instance->End();
  v2_.late({instance});
  EXPECT_EQ(manager_->StateOf("id-1"), v1::DISTRO_STATE_STOPPED);
}

TEST_F(UnansweredTest, ItsDistrosAreStoppedWhenItEnded) {
  v2_.late({});
  EXPECT_EQ(manager_->StateOf("id-1"), v1::DISTRO_STATE_STOPPED);
  EXPECT_TRUE(manager_->Acquire(DebianV2(), {}).ok());
  EXPECT_EQ(v2_.starts, 1);
}

TEST_F(UnansweredTest, AShutdownEndsIt) {
  const auto stopped = manager_->StopAll(absl::ZeroDuration());
  ASSERT_TRUE(stopped.ok()) << stopped.status();
  EXPECT_EQ(*stopped, std::vector<std::string>{"id-1"});
  EXPECT_EQ(manager_->StateOf("id-1"), v1::DISTRO_STATE_STOPPED);
  EXPECT_GT(v2_.shutdowns, 0);
}

TEST_F(UnansweredTest, AnAnswerAfterTheDaemonEndsChangesNothing) {
  manager_->Quiesce();
  v2_.late({std::make_shared<FakeInstance>("id-1")});
  EXPECT_EQ(manager_->StateOf("id-1"), v1::DISTRO_STATE_STARTING);
}

}  // namespace
}  // namespace wslm::daemon
