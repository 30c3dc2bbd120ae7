#include "daemon/sessions/session_bridge.h"

#include <gtest/gtest.h>

#include "daemon/instances/fake_runtime.h"
#include "daemon/sessions/attach_tokens.h"
#include "daemon/sessions/session_messages.h"
#include "distros/host/test_folder.h"
#include "wslm/runtime/v1/frames.h"

namespace wslm::daemon {
namespace {

// A client that takes messages one by one when the test says so.
class FakeClient : public SessionBridge::Client {
 public:
  void Write(const runtime::v1::GuestMessage& message, const SessionIdentity&) override { written.push_back(message); }
  void WriteNote(const std::string& note) override { notes.push_back(note); }
  void WriteHint(const std::string& hint) override { hints.push_back(hint); }
  void Read() override { ++reads; }
  void Finish(const absl::Status& status) override {
    EXPECT_FALSE(finished) << "finished twice";
    finished = status;
  }

  std::vector<runtime::v1::GuestMessage> written;
  std::vector<std::string> notes;
  std::vector<std::string> hints;
  int reads = 0;
  std::optional<absl::Status> finished;
};

runtime::v1::GuestMessage Stdout(const std::string& text) {
  runtime::v1::GuestMessage message;
  message.set_stdout(text);
  return message;
}

runtime::v1::GuestMessage Exited(int code) {
  runtime::v1::GuestMessage message;
  message.mutable_exited()->set_code(code);
  return message;
}

runtime::v1::GuestMessage Started() {
  runtime::v1::GuestMessage message;
  message.mutable_started()->set_pid(5);
  return message;
}

runtime::v1::HostMessage Stdin(const std::string& text) {
  runtime::v1::HostMessage message;
  message.set_stdin(text);
  return message;
}

class SessionBridgeTest : public testing::Test {
 protected:
  void Open() { bridge_->Opened(stream_, {}); }

  FakeClient client_;
  std::shared_ptr<SessionBridge> bridge_ = std::make_shared<SessionBridge>(client_);
  std::shared_ptr<FakeStream> stream_ = std::make_shared<FakeStream>(bridge_);
};

TEST_F(SessionBridgeTest, OutputGoesOutOneMessageAtATimeAndIsCreditedWhenItWentOut) {
  Open();
  bridge_->OnMessage(Stdout("a"), 1);
  bridge_->OnMessage(Stdout("bc"), 2);
  ASSERT_EQ(client_.written.size(), 1u);
  EXPECT_EQ(stream_->consumed, 0u);
  bridge_->Written(true);
  ASSERT_EQ(client_.written.size(), 2u);
  EXPECT_EQ(client_.written[1].stdout(), "bc");
  EXPECT_EQ(stream_->consumed, 1u);
  bridge_->Written(true);
  EXPECT_EQ(stream_->consumed, 3u);
}

TEST_F(SessionBridgeTest, NotesGoOutWhileTheDistroStartsAndASlowClientGetsTheNewest) {
  bridge_->Note("unpacking");
  bridge_->Note("booting");
  bridge_->Note("almost");
  EXPECT_EQ(client_.notes, std::vector<std::string>{"unpacking"});
  bridge_->Written(true);
  EXPECT_EQ(client_.notes, (std::vector<std::string>{"unpacking", "almost"}));
  bridge_->Note("too late to go out");
  Open();
  bridge_->OnMessage(Started(), 0);
  EXPECT_TRUE(client_.written.empty());
  bridge_->Written(true);
  EXPECT_EQ(client_.written.size(), 1u);
  bridge_->Written(true);
  bridge_->Note("after the start");
  EXPECT_EQ(client_.notes.size(), 2u);
}

TEST_F(SessionBridgeTest, TheClientGetsEverythingBeforeTheEnd) {
  Open();
  bridge_->OnMessage(Started(), 0);
  bridge_->OnMessage(Stdout("last"), 4);
  bridge_->OnMessage(Exited(3), 0);
  bridge_->OnEnd(absl::OkStatus());
  EXPECT_FALSE(client_.finished);
  for (int i = 0; i < 3; ++i) bridge_->Written(true);
  ASSERT_TRUE(client_.finished);
  EXPECT_TRUE(client_.finished->ok());
  ASSERT_EQ(client_.written.size(), 3u);
  EXPECT_EQ(client_.written[2].exited().code(), 3);
}

TEST_F(SessionBridgeTest, ClientsInputIsReadOnlyWhileTheDistroTakesIt) {
  Open();
  EXPECT_EQ(client_.reads, 1);
  bridge_->Received({Stdin("x")});
  EXPECT_EQ(client_.reads, 2);
  stream_->full = true;
  bridge_->Received({Stdin("y")});
  EXPECT_EQ(client_.reads, 2);
  bridge_->OnWritable();
  EXPECT_EQ(client_.reads, 3);
  EXPECT_EQ(stream_->sent().size(), 2u);
}

TEST_F(SessionBridgeTest, AClientThatGoesAwayLeavesTheSessionWithoutAnEndOfInput) {
  Open();
  bridge_->OnMessage(Stdout("a"), 1);
  bridge_->ClientGone();
  EXPECT_TRUE(stream_->closed);
  EXPECT_FALSE(client_.finished) << "a write is under way";
  bridge_->Written(false);
  EXPECT_TRUE(client_.finished);
  EXPECT_TRUE(stream_->sent().empty());
}

TEST_F(SessionBridgeTest, AClientThatWentAwayBeforeTheSessionWasOpenIsNotWaitedFor) {
  bridge_->ClientGone();
  EXPECT_TRUE(client_.finished);
  Open();
  EXPECT_TRUE(stream_->closed);
}

TEST_F(SessionBridgeTest, AnErrorOfTheDistroIsTheClientsError) {
  Open();
  bridge_->OnEnd(Error(absl::StatusCode::kNotFound, reason::kUserNotFound, "no such user"));
  ASSERT_TRUE(client_.finished);
  EXPECT_EQ(ReasonOf(*client_.finished), "USER_NOT_FOUND");
}

TEST_F(SessionBridgeTest, WhyTheDistroEndedIsNotWaitedForAndComesAfterAllOutput) {
  SessionBridge::Hooks::Answer answer;
  bridge_->Prepare({}, {.why = [&](SessionBridge::Hooks::Answer given) { answer = std::move(given); }});
  Open();
  bridge_->OnMessage(Started(), 0);
  bridge_->OnMessage(Stdout("last"), 4);
  bridge_->OnEnd(Error(absl::StatusCode::kUnavailable, reason::kRuntimeDied, "ended"));
  ASSERT_TRUE(answer);
  bridge_->Written(true);
  ASSERT_EQ(client_.written.size(), 2u) << "output goes on meanwhile";
  answer("The VM was killed.");
  EXPECT_FALSE(client_.finished) << "the output is under way";
  bridge_->Written(true);
  ASSERT_TRUE(client_.finished);
  EXPECT_EQ(*client_.finished, Error(absl::StatusCode::kUnavailable, reason::kRuntimeDied, "The VM was killed."));
}

TEST_F(SessionBridgeTest, AClientThatGoesAwayDoesNotWaitForTheReason) {
  SessionBridge::Hooks::Answer answer;
  bridge_->Prepare({}, {.why = [&](SessionBridge::Hooks::Answer given) { answer = std::move(given); }});
  Open();
  bridge_->OnEnd(Error(absl::StatusCode::kUnavailable, reason::kRuntimeDied, "ended"));
  EXPECT_FALSE(client_.finished);
  bridge_->ClientGone();
  EXPECT_TRUE(client_.finished);
  answer("too late");
}

TEST_F(SessionBridgeTest, WhatCameBeforeTheStreamWasKnownIsCreditedLater) {
  bridge_->OnMessage(Stdout("abc"), 3);
  bridge_->Written(true);
  EXPECT_EQ(stream_->consumed, 0u);
  Open();
  EXPECT_EQ(stream_->consumed, 3u);
}

TEST_F(SessionBridgeTest, HooksHearOfTheStartAndOfTheEndOnce) {
  int started = 0;
  int ended = 0;
  bridge_->Prepare({}, {.started = [&](const auto& message) { started += message.pid(); }, .ended = [&] { ++ended; }});
  Open();
  bridge_->OnMessage(Started(), 0);
  EXPECT_EQ(started, 5);
  bridge_->OnMessage(Exited(0), 0);
  bridge_->OnEnd(absl::OkStatus());
  EXPECT_EQ(ended, 1);
}

TEST_F(SessionBridgeTest, ASessionTakenOverByAnotherClientHasNotEnded) {
  int ended = 0;
  bridge_->Prepare({}, {.ended = [&] { ++ended; }});
  Open();
  bridge_->OnMessage(Started(), 0);
  bridge_->Written(true);
  bridge_->OnEnd(absl::AbortedError("taken over"));
  EXPECT_EQ(ended, 0);
  EXPECT_EQ(client_.finished->code(), absl::StatusCode::kAborted);
}

TEST_F(SessionBridgeTest, EndClosesTheStreamAndSaysWhy) {
  Open();
  bridge_->End(Error(absl::StatusCode::kUnavailable, reason::kShuttingDown, "ends"));
  EXPECT_TRUE(stream_->closed);
  EXPECT_EQ(ReasonOf(*client_.finished), "SHUTTING_DOWN");
}

TEST(SessionMessagesTest, LongInputIsCutIntoPiecesThatFitAFrame) {
  v1::ExecRequest request;
  request.set_stdin(std::string(runtime::v1::kMaxPayload, 'x'));
  const auto messages = ToHostMessages(request);
  ASSERT_TRUE(messages.ok());
  ASSERT_EQ(messages->size(), 2u);
  EXPECT_EQ((*messages)[0].stdin().size(), runtime::v1::kMaxChunk);
  EXPECT_EQ((*messages)[0].stdin().size() + (*messages)[1].stdin().size(), runtime::v1::kMaxPayload);
}

TEST(SessionMessagesTest, MalformedRequestsAreRefused) {
  v1::Start start;
  start.set_folder("relative");
  EXPECT_FALSE(ToSessionStart(start).ok());
  start.set_folder("~/x");
  EXPECT_TRUE(ToSessionStart(start).ok());
  start.add_environment()->set_name("A=B");
  EXPECT_FALSE(ToSessionStart(start).ok());
  v1::ExecRequest request;
  request.set_signal(1000);
  EXPECT_FALSE(ToHostMessages(request).ok());
  request.mutable_resize()->set_rows(0);
  EXPECT_FALSE(ToHostMessages(request).ok());
  request.mutable_start();
  EXPECT_FALSE(ToHostMessages(request).ok());
}

TEST(AttachTokensTest, ATokenOpensItsSessionOnlyAndTheNextDaemonKnowsIt) {
  TestFolder folder;
  std::string token;
  {
    const auto tokens = AttachTokens::Open(folder.path());
    ASSERT_TRUE(tokens.ok()) << tokens.status();
    token = *(*tokens)->Issue("s-1", "id-1");
    ASSERT_TRUE((*tokens)->Issue("s-2", "id-1").ok());
    EXPECT_EQ(ReasonOf((*tokens)->Check("s-2", token).status()), "SESSION_NOT_FOUND");
  }
  const auto tokens = AttachTokens::Open(folder.path());
  EXPECT_EQ(*(*tokens)->Check("s-1", token), "id-1");
  EXPECT_EQ((*tokens)->DistroOf("s-2"), "id-1");
  (*tokens)->Forget("s-1");
  EXPECT_FALSE((*tokens)->Check("s-1", token).ok());
  EXPECT_FALSE(AttachTokens::Open(folder.path()).value()->Check("s-1", token).ok());
  EXPECT_THAT(AttachTokens::Open(folder.path()).value()->Distros(), testing::ElementsAre("id-1"));
}

}  // namespace
}  // namespace wslm::daemon
