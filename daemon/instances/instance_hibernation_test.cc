#include <gtest/gtest.h>

#include <thread>

#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "daemon/instances/fake_runtime.h"
#include "daemon/instances/instance_manager.h"

namespace wslm::daemon {
namespace {

RegistryEntry Second(const std::string& id = "id-1") {
  RegistryEntry entry;
  entry.record.id = id;
  entry.record.name = "debian-" + id;
  entry.record.version = 2;
  entry.folder = "/data/" + id;
  return entry;
}

class HibernationTest : public testing::Test {
 protected:
  void Make(absl::Duration hibernate_timeout = absl::InfiniteDuration()) {
    manager_.emplace(v1_, v2_, locks_, *log_,
                     InstanceManager::Timing{.idle_timeout = absl::Hours(1),
                                             .poll = absl::Milliseconds(10),
                                             .vm_timeout = absl::Hours(1),
                                             .hibernate_timeout = hibernate_timeout},
                     [](const std::string&) {});
    manager_->OnQuiet([this] {
      if (!sleeper_.joinable()) sleeper_ = std::thread([this] { manager_->HibernateVm().status().IgnoreError(); });
    });
  }
  ~HibernationTest() override {
    manager_->Quiesce();
    if (sleeper_.joinable()) sleeper_.join();
  }
  void StartAndLeave() { ASSERT_TRUE(manager_->Acquire(Second(), {}).ok()); }
  v1::DistroState State() { return manager_->StateOf("id-1"); }

  std::unique_ptr<Log> log_ = NoLog();
  FakeRuntime v1_;
  FakeRuntime v2_;
  DistroLocks locks_;
  std::optional<InstanceManager> manager_;
  // Puts the VM to sleep when all is quiet.
  std::thread sleeper_;
};

TEST_F(HibernationTest, AUseWakesWhatSleeps) {
  Make();
  StartAndLeave();
  EXPECT_EQ(manager_->HibernateVm().value_or(std::vector<std::string>()), std::vector<std::string>{"id-1"});
  EXPECT_EQ(State(), v1::DISTRO_STATE_HIBERNATED);
  EXPECT_FALSE(manager_->AcquireRunning("id-1")) << "who only looks doesn't wake it";
  EXPECT_TRUE(manager_->HibernateVm().ok()) << "it sleeps already";
  std::string note;
  EXPECT_TRUE(manager_->Acquire(Second(), {.note = [&](const std::string& text) { note = text; }}).ok());
  EXPECT_EQ(note, "waking");
  EXPECT_EQ(State(), v1::DISTRO_STATE_RUNNING);
  EXPECT_EQ(v2_.starts, 1) << "it was not started anew";
  v2_.instance("id-1")->End();
  EXPECT_EQ(State(), v1::DISTRO_STATE_STOPPED) << "its end is heard";
}

TEST_F(HibernationTest, WhoeverUsesADistroOfTheVmIsInTheWay) {
  Make();
  EXPECT_TRUE(absl::IsFailedPrecondition(manager_->HibernateVm().status())) << "none runs";
  {
    const auto use = manager_->Acquire(Second(), {});
    EXPECT_EQ(ReasonOf(manager_->HibernateVm().status()), reason::kDistroRunning);
  }
  {
    const auto lock = locks_.Take("id-1", "debian", {"op-1", v1::OPERATION_KIND_EXPORT});
    EXPECT_EQ(ReasonOf(manager_->HibernateVm().status()), reason::kDistroBusy);
  }
  EXPECT_EQ(State(), v1::DISTRO_STATE_RUNNING);
  EXPECT_TRUE(manager_->HibernateVm().ok());
}

TEST_F(HibernationTest, WhatCannotBeHibernatedRunsOn) {
  v2_.hibernate_error = Error(absl::StatusCode::kFailedPrecondition, reason::kDistroRunning, "'sh' holds it.");
  Make();
  StartAndLeave();
  EXPECT_EQ(manager_->HibernateVm().status().message(), "'sh' holds it.");
  EXPECT_EQ(State(), v1::DISTRO_STATE_RUNNING);
  v2_.while_hibernating = [this] { v2_.instance("id-1")->End(); };
  EXPECT_FALSE(manager_->HibernateVm().ok());
  EXPECT_EQ(State(), v1::DISTRO_STATE_STOPPED) << "it ended in between";
}

TEST_F(HibernationTest, WhoComesWhileItFallsAsleepWakesIt) {
  Make();
  StartAndLeave();
  std::thread user;
  std::atomic<bool> got = false;
  v2_.while_hibernating = [&] {
    user = std::thread([&] { got = manager_->Acquire(Second(), {}).ok(); });
    absl::SleepFor(absl::Milliseconds(50));
  };
  EXPECT_TRUE(manager_->HibernateVm().ok());
  user.join();
  EXPECT_TRUE(got);
  EXPECT_EQ(State(), v1::DISTRO_STATE_RUNNING);
  EXPECT_EQ(v2_.starts, 1);
}

TEST_F(HibernationTest, WhatCannotGoOnIsStartedAnew) {
  Make();
  StartAndLeave();
  ASSERT_TRUE(manager_->HibernateVm().ok());
  v2_.wakes = false;
  EXPECT_TRUE(manager_->Acquire(Second(), {}).ok());
  EXPECT_EQ(v2_.starts, 2);
}

TEST_F(HibernationTest, WhatCannotGoOnNowSleepsOn) {
  Make();
  StartAndLeave();
  ASSERT_TRUE(manager_->HibernateVm().ok());
  v2_.wake_error = Error(absl::StatusCode::kFailedPrecondition, reason::kHostUnsupported, "QEMU is missing.");
  EXPECT_EQ(manager_->Acquire(Second(), {}).status().message(), "QEMU is missing.");
  EXPECT_EQ(manager_->Stop("id-1", absl::Seconds(1)).message(), "QEMU is missing.");
  EXPECT_EQ(manager_->WaitUntilKnown("id-1").message(), "QEMU is missing.");
  EXPECT_EQ(manager_->StopAll(absl::Seconds(1)).status().message(), "QEMU is missing.");
  EXPECT_EQ(State(), v1::DISTRO_STATE_HIBERNATED);
  EXPECT_EQ(v2_.ends, 0);
  v2_.wake_error = absl::OkStatus();
  EXPECT_TRUE(manager_->Acquire(Second(), {}).ok());
  EXPECT_EQ(v2_.starts, 1);
}

TEST_F(HibernationTest, WhatCannotGoOnIsGivenUpByOrder) {
  Make();
  StartAndLeave();
  ASSERT_TRUE(manager_->HibernateVm().ok());
  v2_.wake_error = absl::InternalError("not now");
  EXPECT_EQ(manager_->StopAll(absl::ZeroDuration()).value_or(std::vector<std::string>()),
            std::vector<std::string>{"id-1"});
  EXPECT_EQ(State(), v1::DISTRO_STATE_STOPPED);
  EXPECT_TRUE(v2_.hibernated().empty());
  EXPECT_TRUE(manager_->Acquire(Second(), {}).ok());
  EXPECT_EQ(v2_.starts, 2);
}

TEST_F(HibernationTest, ItMayBeWokenBeforeItIsKnownToSleep) {
  Make();
  StartAndLeave();
  v2_.once_asleep = [this] { EXPECT_TRUE(v2_.Wake([](const std::string&) {}).ok()); };
  EXPECT_TRUE(manager_->HibernateVm().ok());
  EXPECT_EQ(State(), v1::DISTRO_STATE_RUNNING);
  EXPECT_EQ(v2_.instance("id-1")->stops, 0);
  v2_.once_asleep = nullptr;
  EXPECT_TRUE(manager_->HibernateVm().ok());
  EXPECT_EQ(State(), v1::DISTRO_STATE_HIBERNATED);
}

TEST_F(HibernationTest, WhoHibernatesWhileAnotherDoesWaits) {
  Make();
  StartAndLeave();
  std::thread other;
  absl::Status second = absl::UnknownError("not called");
  v2_.while_hibernating = [&] {
    other = std::thread([&] { second = manager_->HibernateVm().status(); });
    absl::SleepFor(absl::Milliseconds(50));
  };
  EXPECT_TRUE(manager_->HibernateVm().ok());
  other.join();
  EXPECT_TRUE(second.ok()) << second;
  EXPECT_EQ(State(), v1::DISTRO_STATE_HIBERNATED);
}

TEST_F(HibernationTest, StoppingWakesItFirst) {
  Make();
  StartAndLeave();
  ASSERT_TRUE(manager_->HibernateVm().ok());
  ASSERT_TRUE(manager_->EnsureStopped(Second(), false).ok());
  EXPECT_EQ(State(), v1::DISTRO_STATE_STOPPED);
  EXPECT_EQ(v2_.instance("id-1")->stops, 1);
}

TEST_F(HibernationTest, AnotherDaemonFindsWhatSleeps) {
  Make();
  StartAndLeave();
  ASSERT_TRUE(manager_->HibernateVm().ok());
  Make();
  manager_->Adopt({Second()});
  EXPECT_EQ(State(), v1::DISTRO_STATE_HIBERNATED);
  EXPECT_TRUE(manager_->WaitUntilKnown("id-1").ok());
  EXPECT_EQ(State(), v1::DISTRO_STATE_RUNNING);
}

TEST_F(HibernationTest, ItSleepsByItselfWhenNobodyUsesItForAWhile) {
  Make(absl::Milliseconds(30));
  {
    const auto use = manager_->Acquire(Second(), {});
    absl::SleepFor(absl::Milliseconds(200));
    EXPECT_EQ(State(), v1::DISTRO_STATE_RUNNING);
  }
  for (int i = 0; i < 1000 && State() != v1::DISTRO_STATE_HIBERNATED; ++i) absl::SleepFor(absl::Milliseconds(10));
  EXPECT_EQ(State(), v1::DISTRO_STATE_HIBERNATED);
}

TEST_F(HibernationTest, TheDaemonsEndDoesNotWaitForIt) {
  absl::Notification begun;
  absl::Notification ended;
  v2_.while_hibernating = [&] {
    begun.Notify();
    ended.WaitForNotification();
  };
  Make(absl::Milliseconds(30));
  StartAndLeave();
  ASSERT_TRUE(begun.WaitForNotificationWithTimeout(absl::Seconds(30)));
  manager_->Quiesce();
  EXPECT_EQ(State(), v1::DISTRO_STATE_STOPPING);
  ended.Notify();
  sleeper_.join();
}

}  // namespace
}  // namespace wslm::daemon
