// Sessions with short times, in this process: what takes half a minute in a distro.
#include "runtime-v1/init/session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <variant>

#include "wslm/runtime/v1/frames.h"

namespace wslm::init {
namespace {

using std::chrono::milliseconds;

class FakeStream : public HostStream {
 public:
  size_t room() const override { return credit < 100 ? 0 : credit - 100; }
  size_t in_flight() const override { return 0; }
  void Send(const proto::GuestMessage& message) override {
    output += message.stdout() + message.stderr();
    credit -= std::min(credit, message.ByteSizeLong());
  }
  void SendFree(const proto::GuestMessage& message) override {
    if (message.has_started()) started = true;
    if (message.has_attached()) attached = message.attached();
    if (message.has_exited()) exited = message.exited();
  }
  void GiveCredit(size_t bytes) override { credit_given += bytes; }
  void End(const proto::StreamEnd& status) override { end = status; }

  size_t credit = proto::kInitialWindow;
  size_t credit_given = 0;
  bool started = false;
  std::string output;
  std::optional<proto::SessionAttached> attached;
  std::optional<proto::SessionExited> exited;
  std::optional<proto::StreamEnd> end;
};

class SessionTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root: a session takes its user's groups";
    ::signal(SIGPIPE, SIG_IGN);
  }
  void TearDown() override {
    if (session_ && session_->pid() > 0 && session_->running()) {
      ::kill(-session_->pid(), SIGKILL);
      ::waitpid(session_->pid(), nullptr, 0);
    }
    session_.reset();
  }

  void Start(const std::string& line, bool terminal = false, bool detached = false) {
    proto::SessionStart start;
    start.set_session_id("s");
    start.set_user("0");
    start.set_folder("/");
    start.add_argv("/bin/sh");
    start.add_argv("-c");
    start.add_argv(line);
    start.set_shell(proto::SHELL_NONE);
    start.set_detached(detached);
    start.set_stdin_terminal(terminal);
    start.set_stdout_terminal(terminal);
    start.set_stderr_terminal(terminal);
    auto plan = PlanSession({}, {}, start);
    ASSERT_TRUE(std::holds_alternative<PlannedSession>(plan));
    session_ = std::make_shared<Session>(loop_, times_, start, std::get<PlannedSession>(std::move(plan)),
                                         [this](Session&) { forgotten_ = true; });
    ASSERT_FALSE(session_->Start(stream_));
  }
  // Runs the loop, collecting the child, until `condition` holds; false after 10 s.
  bool RunUntil(const std::function<bool()>& condition) {
    const auto end = EventLoop::Clock::now() + milliseconds(10'000);
    while (!condition() && EventLoop::Clock::now() < end) RunFor(milliseconds(5));
    return condition();
  }
  void RunFor(milliseconds time) {
    EventLoop::Timer timer = loop_.After(time, [this] { loop_.Quit(); });
    loop_.Run();
    loop_.Cancel(timer);
    int status = 0;
    if (session_ && session_->running() && ::waitpid(session_->pid(), &status, WNOHANG) == session_->pid()) {
      wait_status_ = status;
      session_->OnExit(status);
    }
  }

  EventLoop loop_;
  SessionTimes times_ = {.unattended = milliseconds(150), .ended = milliseconds(150), .grace = milliseconds(50)};
  std::shared_ptr<FakeStream> stream_ = std::make_shared<FakeStream>();
  std::shared_ptr<Session> session_;
  std::optional<int> wait_status_;
  bool forgotten_ = false;
};

TEST_F(SessionTest, TellsOutputThenEnd) {
  Start("echo hello; exit 3");
  ASSERT_TRUE(RunUntil([&] { return stream_->end.has_value(); }));
  EXPECT_TRUE(stream_->started);
  EXPECT_EQ(stream_->output, "hello\n");
  EXPECT_EQ(stream_->exited->code(), 3);
  EXPECT_EQ(stream_->end->code(), 0);
}

TEST_F(SessionTest, WithoutAClientItIsHungUpInTheEnd) {
  for (const bool terminal : {false, true}) {
    forgotten_ = false;
    wait_status_.reset();
    stream_ = std::make_shared<FakeStream>();
    Start("sleep 100", terminal);
    ASSERT_TRUE(RunUntil([&] { return stream_->started; }));
    session_->OnGone();
    RunFor(milliseconds(50));
    EXPECT_TRUE(session_->running());
    EXPECT_FALSE(forgotten_);
    ASSERT_TRUE(RunUntil([&] { return wait_status_.has_value(); }));
    EXPECT_TRUE(forgotten_);
    EXPECT_TRUE(WIFSIGNALED(*wait_status_));
    EXPECT_EQ(WTERMSIG(*wait_status_), SIGHUP);
  }
}

TEST_F(SessionTest, WhoAttachesInTimeKeepsItAlive) {
  Start("sleep 100");
  ASSERT_TRUE(RunUntil([&] { return stream_->started; }));
  session_->OnGone();
  RunFor(milliseconds(50));
  auto second = std::make_shared<FakeStream>();
  session_->Attach({}, second);
  RunFor(milliseconds(300));
  EXPECT_TRUE(session_->running());
  EXPECT_FALSE(forgotten_);
}

TEST_F(SessionTest, ADetachedOneIsNotHungUp) {
  Start("sleep 100", false, true);
  ASSERT_TRUE(RunUntil([&] { return stream_->started; }));
  session_->OnGone();
  RunFor(milliseconds(300));
  EXPECT_TRUE(session_->running());
}

TEST_F(SessionTest, ADetachedOneNeverWaitsForAReader) {
  Start("head -c 5000000 /dev/zero; exit 8", false, true);
  session_->OnGone();
  ASSERT_TRUE(RunUntil([&] { return wait_status_.has_value(); }));
  EXPECT_EQ(WEXITSTATUS(*wait_status_), 8);
  auto late = std::make_shared<FakeStream>();
  late->credit = 10'000'000;
  session_->Attach({}, late);
  ASSERT_TRUE(RunUntil([&] { return late->end.has_value(); }));
  EXPECT_EQ(late->output.size(), proto::kReplayBytes);
}

TEST_F(SessionTest, AnAttachedOneWaitsForItsReader) {
  Start("head -c 5000000 /dev/zero");
  RunFor(milliseconds(200));
  EXPECT_TRUE(session_->running());
  EXPECT_LE(stream_->output.size(), size_t{proto::kInitialWindow});
  stream_->credit = 10'000'000;
  session_->OnWritable();
  ASSERT_TRUE(RunUntil([&] { return stream_->end.has_value(); }));
  EXPECT_EQ(stream_->output.size(), 5'000'000u);
}

TEST_F(SessionTest, WhatADaemonMayNotHaveHandedOnIsSentAgain) {
  times_.unattended = milliseconds(10'000);
  Start("seq 1000000");
  stream_->credit = 1'000'000;
  ASSERT_TRUE(RunUntil([&] { return stream_->room() == 0; }));
  session_->OnGone();
  // The command writes as much as it may.
  RunFor(milliseconds(200));
  const auto reached = static_cast<int64_t>(stream_->output.size() - proto::kClientLag);
  proto::SessionAttach request;
  request.set_stdout_offset(reached);
  auto second = std::make_shared<FakeStream>();
  second->credit = 20'000'000;
  session_->Attach(request, second);
  ASSERT_TRUE(second->attached);
  EXPECT_EQ(second->attached->stdout_offset(), reached);
  ASSERT_TRUE(RunUntil([&] { return second->exited.has_value(); }));
  const std::string all = stream_->output.substr(0, static_cast<size_t>(reached)) + second->output;
  EXPECT_EQ(std::count(all.begin(), all.end(), '\n'), 1'000'000);
  EXPECT_EQ(all.size(), 6'888'896u);
}

TEST_F(SessionTest, HowItEndedIsForgottenInTheEnd) {
  Start("true");
  session_->OnGone();
  ASSERT_TRUE(RunUntil([&] { return wait_status_.has_value(); }));
  EXPECT_FALSE(forgotten_);
  EXPECT_TRUE(RunUntil([&] { return forgotten_; }));
}

TEST_F(SessionTest, StdinCreditComesBackWhenTheCommandReadsOrIsGone) {
  Start("read line; exec sleep 0.1");
  ASSERT_TRUE(RunUntil([&] { return stream_->started; }));
  proto::HostMessage message;
  message.set_stdin("\n" + std::string(199'999, 'x'));
  session_->OnMessage(message, 200'004);
  EXPECT_EQ(stream_->credit_given, 0u);
  ASSERT_TRUE(RunUntil([&] { return stream_->end.has_value(); }));
  EXPECT_EQ(stream_->credit_given, 200'004u);
}

TEST_F(SessionTest, AMissingFolderEndsTheStreamWithAnError) {
  proto::SessionStart start;
  start.set_session_id("s");
  start.set_user("0");
  start.set_folder("/no/such");
  auto plan = PlanSession({}, {}, start);
  session_ = std::make_shared<Session>(loop_, times_, start, std::get<PlannedSession>(std::move(plan)),
                                       [this](Session&) { forgotten_ = true; });
  ASSERT_FALSE(session_->Start(stream_));
  ASSERT_TRUE(RunUntil([&] { return stream_->end.has_value(); }));
  EXPECT_EQ(stream_->end->code(), static_cast<int>(Code::kInvalidArgument));
  EXPECT_THAT(stream_->end->message(), ::testing::HasSubstr("'/no/such'"));
  EXPECT_FALSE(stream_->started);
  EXPECT_TRUE(forgotten_);
}

}  // namespace
}  // namespace wslm::init
