#include "runtime-v2/host/worker.h"

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <string>

#include "absl/synchronization/notification.h"

namespace wslm {
namespace {

TEST(WorkerTest, DoesWhatWasPostedInOrderAndBeforeItGoes) {
  std::string done;
  {
    Worker worker(absl::Hours(1), [&] { done += "idle"; });
    worker.Post([&] { done += "a"; });
    worker.Drain();
    EXPECT_EQ(done, "a");
    worker.Post([&] { done += "b"; });
    worker.Post([&] { done += "c"; });
  }
  EXPECT_EQ(done, "abc");
}

TEST(WorkerTest, IsIdleNowAndThenThoughATaskAlwaysWaits) {
  absl::Notification idle;
  std::atomic<bool> enough = false;
  std::function<void()> task;
  Worker worker(absl::Milliseconds(10), [&] {
    if (!idle.HasBeenNotified()) idle.Notify();
  });
  task = [&] {
    if (!enough) worker.Post(task);
  };
  worker.Post(task);
  EXPECT_TRUE(idle.WaitForNotificationWithTimeout(absl::Minutes(1)));
  enough = true;
  worker.Drain();
}

}  // namespace
}  // namespace wslm
