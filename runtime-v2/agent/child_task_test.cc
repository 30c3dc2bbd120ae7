#include "runtime-v2/agent/child_task.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>

namespace wslm {
namespace {

using std::chrono::milliseconds;

struct Outcome {
  absl::Status status;
  std::string result;
};

Outcome Await(const std::function<absl::Status(std::string&)>& work, std::optional<ChildLimit> limit = std::nullopt) {
  EventLoop loop;
  Outcome outcome;
  RunInChild(
      loop, work,
      [&](const absl::Status& status, const std::string& result) {
        outcome = {.status = status, .result = result};
        loop.Quit();
      },
      limit);
  loop.Run();
  return outcome;
}

TEST(ChildTaskTest, GivesWhatTheChildSays) {
  const auto good = Await(
      [](std::string& result) {
        result.assign(100'000, 'x');
        return absl::OkStatus();
      },
      ChildLimit{.after = std::chrono::minutes(10), .words = "Too late."});
  EXPECT_TRUE(good.status.ok()) << good.status;
  EXPECT_EQ(good.result, std::string(100'000, 'x'));
  EXPECT_EQ(Await([](std::string&) { return absl::NotFoundError("It is gone."); }).status.message(), "It is gone.");
}

TEST(ChildTaskTest, AChildThatDiesIsAnError) {
  const auto killed = Await([](std::string& result) {
    result = "half";
    ::kill(::getpid(), SIGKILL);
    return absl::OkStatus();
  });
  EXPECT_EQ(killed.status.code(), absl::StatusCode::kInternal);
  EXPECT_EQ(killed.result, "");
}

TEST(ChildTaskTest, AChildThatTakesTooLongIsKilled) {
  const auto late = Await(
      [](std::string&) -> absl::Status {
        while (true) ::pause();
      },
      ChildLimit{.after = milliseconds(50), .words = "Too late."});
  EXPECT_EQ(late.status.code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(late.status.message(), "Too late.");
}

}  // namespace
}  // namespace wslm
