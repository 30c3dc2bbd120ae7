// The real wslm-init as the first process of a small distro, driven through Channel.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <thread>

#include "distros/host/error.h"
#include "runtime-v1/init/failure.h"
#include "runtime-v1/init/session_cases.h"
#include "runtime-v1/init/session_recorder.h"
#include "runtime-v1/init/test_distro.h"
#include "wslm/runtime/v1/frames.h"

namespace wslm::init {
namespace {

using ::testing::HasSubstr;
using ::wslm::runtime::v1::Channel;
using ::wslm::runtime::v1::Stream;
using Seen = SessionRecorder::Seen;

proto::InstanceConfig TestConfig() {
  proto::InstanceConfig config;
  config.set_distro_id("test");
  config.set_distro_name("TestDistro");
  return config;
}

proto::OpenRequest StartRequest(const std::string& id, const std::vector<std::string>& argv) {
  proto::OpenRequest request;
  request.mutable_session_start()->set_session_id(id);
  for (const std::string& word : argv) request.mutable_session_start()->add_argv(word);
  return request;
}

void MakeTerminal(proto::OpenRequest& request) {
  proto::SessionStart& start = *request.mutable_session_start();
  start.set_stdin_terminal(true);
  start.set_stdout_terminal(true);
  start.set_stderr_terminal(true);
  start.mutable_window()->set_rows(24);
  start.mutable_window()->set_columns(80);
}

proto::HostMessage Stdin(const std::string& bytes) {
  proto::HostMessage message;
  message.set_stdin(bytes);
  return message;
}
proto::HostMessage Eof() {
  proto::HostMessage message;
  message.set_eof(true);
  return message;
}
proto::HostMessage SignalMessage(int signal) {
  proto::HostMessage message;
  message.set_signal(signal);
  return message;
}

std::function<bool(const Seen&)> StdoutHas(const std::string& text) {
  return [text](const Seen& seen) { return seen.stdout.find(text) != std::string::npos; };
}

// A session with its observer.
struct Client {
  std::shared_ptr<SessionRecorder> recorder = std::make_shared<SessionRecorder>();
  std::shared_ptr<Stream> stream;
};

class InitTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (const std::string why = TestDistro::WhyNot(); !why.empty()) GTEST_SKIP() << why;
    StartDistro(TestConfig());
  }
  void StartDistro(const proto::InstanceConfig& config, TestDistro::Link link = TestDistro::Link::kListener) {
    channel_.reset();
    distro_ = TestDistro::Start(config, link);
    channel_ = distro_->Connect();
    ASSERT_TRUE(channel_);
  }
  Client Open(const proto::OpenRequest& request, bool consume = true) {
    Client client;
    client.stream = channel_->Open(request, client.recorder);
    if (consume) client.recorder->Consume(client.stream);
    return client;
  }
  // Runs to the end with empty stdin; answers what was seen.
  Seen Run(const proto::OpenRequest& request) {
    Client client = Open(request);
    client.stream->Send(Eof());
    EXPECT_TRUE(client.recorder->WaitEnd());
    return client.recorder->seen();
  }
  Seen RunLine(const std::string& line) { return Run(StartRequest("line" + std::to_string(++lines_), {line})); }
  Client Attach(const std::string& id, int64_t stdout_offset = 0) {
    proto::OpenRequest request;
    request.mutable_session_attach()->set_session_id(id);
    request.mutable_session_attach()->set_stdout_offset(stdout_offset);
    return Open(request);
  }
  proto::SessionList List() {
    proto::OpenRequest request;
    request.mutable_session_list();
    const auto answer = channel_->Call(request, absl::Seconds(10));
    EXPECT_TRUE(answer.ok()) << answer.status();
    return answer.ok() ? answer->session_list() : proto::SessionList();
  }
  proto::InstanceStats Stats() {
    proto::OpenRequest request;
    request.mutable_stats();
    const auto answer = channel_->Call(request, absl::Seconds(10));
    EXPECT_TRUE(answer.ok()) << answer.status();
    return answer.ok() ? answer->stats() : proto::InstanceStats();
  }
  absl::Status Stop(absl::Duration grace) {
    proto::OpenRequest request;
    request.mutable_stop()->set_grace_ms(absl::ToInt64Milliseconds(grace));
    return channel_->Call(request, absl::Seconds(20)).status();
  }
  bool Eventually(const std::function<bool()>& condition) {
    for (int turn = 0; turn < 1000; ++turn) {
      if (condition()) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return false;
  }

  std::unique_ptr<TestDistro> distro_;
  std::shared_ptr<Channel> channel_;
  int lines_ = 0;
};

// The table, all in one distro: starting one takes longer than a case.
class SessionCaseTest : public ::testing::TestWithParam<SessionCase> {
 protected:
  static void SetUpTestSuite() {
    if (TestDistro::WhyNot().empty()) {
      distro_ = TestDistro::Start(TestConfig());
      channel_ = distro_->Connect();
    }
  }
  static void TearDownTestSuite() {
    channel_.reset();
    distro_.reset();
  }
  static inline std::unique_ptr<TestDistro> distro_;
  static inline std::shared_ptr<Channel> channel_;
};

TEST_P(SessionCaseTest, Holds) {
  if (!channel_) GTEST_SKIP() << TestDistro::WhyNot();
  const SessionCase& wanted = GetParam();
  proto::OpenRequest request = StartRequest(wanted.name, wanted.argv);
  proto::SessionStart& start = *request.mutable_session_start();
  start.set_user(wanted.user);
  start.set_folder(wanted.folder);
  switch (wanted.shell) {
    case SessionCase::Shell::kCommand:
      start.set_shell(proto::SHELL_COMMAND);
      break;
    case SessionCase::Shell::kNone:
      start.set_shell(proto::SHELL_NONE);
      break;
    case SessionCase::Shell::kLogin:
      start.set_shell(proto::SHELL_LOGIN);
      break;
  }
  for (const auto& [name, value] : wanted.environment) {
    proto::Variable& variable = *start.add_environment();
    variable.set_name(name);
    variable.set_value(value);
  }
  if (wanted.terminal) MakeTerminal(request);

  auto recorder = std::make_shared<SessionRecorder>();
  const auto stream = channel_->Open(request, recorder);
  recorder->Consume(stream);
  if (!wanted.input.empty()) stream->Send(Stdin(wanted.input));
  if (!wanted.terminal) stream->Send(Eof());
  ASSERT_TRUE(recorder->WaitEnd());
  const Seen seen = recorder->seen();

  if (!wanted.error_reason.empty()) {
    EXPECT_EQ(ReasonOf(*seen.end), wanted.error_reason) << *seen.end;
    EXPECT_FALSE(seen.started);
    return;
  }
  ASSERT_TRUE(seen.end->ok()) << *seen.end;
  ASSERT_TRUE(seen.started);
  ASSERT_TRUE(seen.exited);
  if (wanted.exit_signal != 0) {
    EXPECT_EQ(seen.exited->signal(), wanted.exit_signal);
  } else {
    EXPECT_TRUE(seen.exited->has_code());
    EXPECT_EQ(seen.exited->code(), wanted.exit_code) << seen.stderr;
  }
  if (wanted.stdout && *wanted.stdout != seen.stdout) {
    EXPECT_EQ(seen.stdout.size(), wanted.stdout->size());
    EXPECT_EQ(seen.stdout.substr(0, 500), wanted.stdout->substr(0, 500));
    EXPECT_TRUE(false) << "stdout differs; stderr: " << seen.stderr;
  }
  EXPECT_THAT(seen.stderr, HasSubstr(wanted.stderr_has));
}

INSTANTIATE_TEST_SUITE_P(All, SessionCaseTest, ::testing::ValuesIn(SessionCases()),
                         [](const auto& info) { return info.param.name; });

TEST_F(InitTest, IsTheFirstProcessAndReapsOrphans) {
  EXPECT_EQ(RunLine("cat /proc/1/comm").stdout, "wslm-init\n");
  RunLine("(sleep 0.05 &) ; (true &)");
  EXPECT_TRUE(Eventually([&] { return RunLine("grep -lE '^State:.Z' /proc/[0-9]*/status").stdout.empty(); }));
}

TEST_F(InitTest, ShowsTheDistrosName) {
  EXPECT_EQ(RunLine("echo $WSL_DISTRO_NAME $NAME $FROM_ENVIRONMENT").stdout, "TestDistro testbox yes\n");
}

TEST_F(InitTest, TheDefaultUserIsWslConfsElseTheRecordsElseRoot) {
  proto::InstanceConfig config = TestConfig();
  config.set_record_default_user("alice");
  StartDistro(config);
  EXPECT_EQ(RunLine("id -un").stdout, "alice\n");
  std::ofstream(distro_->Path("/etc/wsl.conf")) << "[user]\ndefault = bob\n";
  EXPECT_EQ(RunLine("id -un").stdout, "bob\n");
  std::ofstream(distro_->Path("/etc/wsl.conf")) << "[user]\ndefault = mallory\n";
  const Seen seen = RunLine("id -un");
  EXPECT_EQ(seen.stdout, "alice\n");
  ASSERT_EQ(seen.started->warnings_size(), 1);
  EXPECT_THAT(seen.started->warnings(0), HasSubstr("mallory"));
}

TEST_F(InitTest, ASessionCanBringTheRecordsDefaultUserAsItIsByNow) {
  proto::InstanceConfig config = TestConfig();
  config.set_record_default_user("alice");
  StartDistro(config);
  proto::OpenRequest request = StartRequest("s", {"id -un"});
  request.mutable_session_start()->set_record_default_user("bob");
  EXPECT_EQ(Run(request).stdout, "bob\n");
}

TEST_F(InitTest, AMissingHomeIsAWarningAndTheRoot) {
  proto::OpenRequest request = StartRequest("s", {"pwd"});
  request.mutable_session_start()->set_user("homeless");
  const Seen seen = Run(request);
  EXPECT_EQ(seen.stdout, "/\n");
  ASSERT_EQ(seen.started->warnings_size(), 1);
  EXPECT_THAT(seen.started->warnings(0), HasSubstr("/home/homeless"));
}

TEST_F(InitTest, AHostFolderIsUsedElseHomeWithAWarning) {
  proto::OpenRequest request = StartRequest("there", {"pwd"});
  request.mutable_session_start()->set_host_folder("/shared");
  Seen seen = Run(request);
  EXPECT_EQ(seen.stdout, "/mnt/host/shared\n");
  EXPECT_EQ(seen.started->warnings_size(), 0);
  // Others' folders are as absent as those that are not there.
  request = StartRequest("forbidden", {"pwd"});
  request.mutable_session_start()->set_user("alice");
  request.mutable_session_start()->set_host_folder("/b\x1bob");
  seen = Run(request);
  EXPECT_EQ(seen.stdout, "/home/alice\n");
  ASSERT_EQ(seen.started->warnings_size(), 1);
  EXPECT_THAT(seen.started->warnings(0), HasSubstr("/b\\x1bob"));
}

TEST_F(InitTest, AMissingLoginShellIs127) {
  proto::OpenRequest request = StartRequest("s", {"true"});
  request.mutable_session_start()->set_user("broken");
  const Seen seen = Run(request);
  EXPECT_EQ(seen.exited->code(), 127);
  EXPECT_THAT(seen.stderr, HasSubstr("/bin/no-such-shell"));
}

TEST_F(InitTest, ATakenSessionIdIsRefused) {
  Client first = Open(StartRequest("same", {"sleep 100"}));
  ASSERT_TRUE(first.recorder->WaitUntil([](const Seen& seen) { return seen.started.has_value(); }));
  EXPECT_EQ(Run(StartRequest("same", {"true"})).end->code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(InitTest, EachStreamMayBeATerminalOrAPipe) {
  proto::OpenRequest request =
      StartRequest("s", {"test -t 0; echo $?; test -t 1; echo $?; test -t 2; echo $? ; echo e >&2"});
  request.mutable_session_start()->set_stdin_terminal(true);
  request.mutable_session_start()->set_stderr_terminal(true);
  const Seen seen = Run(request);
  EXPECT_EQ(seen.stdout, "0\n1\n0\n");
  EXPECT_THAT(seen.stderr, HasSubstr("e\r\n"));
}

TEST_F(InitTest, ATerminalEchoesIsResizedAndEndsItsShellAtEof) {
  proto::OpenRequest request = StartRequest("s", {});
  MakeTerminal(request);
  Client client = Open(request);
  client.stream->Send(Stdin("trap 'echo $LINES x $COLUMNS' WINCH; echo rea''dy\n"));
  ASSERT_TRUE(client.recorder->WaitUntil(StdoutHas("ready")));
  proto::HostMessage resize;
  resize.mutable_resize()->set_rows(33);
  resize.mutable_resize()->set_columns(111);
  client.stream->Send(resize);
  client.stream->Send(Stdin("stty size\n"));
  // Not while a command still has the terminal: its end-of-file character would be that command's.
  EXPECT_TRUE(client.recorder->WaitUntil([](const Seen& seen) {
    const size_t answer = seen.stdout.rfind("33 111");
    return answer != std::string::npos && seen.stdout.find("# ", answer) != std::string::npos;
  }));
  client.stream->Send(Eof());
  ASSERT_TRUE(client.recorder->WaitEnd()) << Escaped(client.recorder->seen().stdout);
  EXPECT_EQ(client.recorder->seen().exited->code(), 0);
}

TEST_F(InitTest, CtrlCOnATerminalEndsTheForegroundJobOnly) {
  proto::OpenRequest request = StartRequest("s", {});
  MakeTerminal(request);
  Client client = Open(request);
  // A program of the shell's that speaks is in the foreground already.
  client.stream->Send(Stdin("sh -c 'echo st\"\"art; exec sleep 100'\n"));
  ASSERT_TRUE(client.recorder->WaitUntil(StdoutHas("start")));
  client.stream->Send(Stdin("\x03"));
  client.stream->Send(Stdin("echo aft''er $?\n"));
  EXPECT_TRUE(client.recorder->WaitUntil(StdoutHas("after 130"))) << Escaped(client.recorder->seen().stdout);
  client.stream->Send(Stdin("exit 5\n"));
  ASSERT_TRUE(client.recorder->WaitEnd());
  EXPECT_EQ(client.recorder->seen().exited->code(), 5);
}

TEST_F(InitTest, ASignalReachesTheForegroundGroupOfATerminal) {
  proto::OpenRequest request = StartRequest("s", {});
  MakeTerminal(request);
  Client client = Open(request);
  // A program of the shell's that speaks is in the foreground already.
  client.stream->Send(Stdin("sh -c 'echo st\"\"art; exec sleep 100'\n"));
  ASSERT_TRUE(client.recorder->WaitUntil(StdoutHas("start")));
  client.stream->Send(SignalMessage(SIGTERM));
  client.stream->Send(Stdin("echo aft''er $?\n"));
  EXPECT_TRUE(client.recorder->WaitUntil(StdoutHas("after 143")));
}

TEST_F(InitTest, ASignalReachesTheWholeGroupWithoutATerminal) {
  Client client = Open(StartRequest("s", {"sleep 100 | sleep 100; echo survived"}));
  ASSERT_TRUE(client.recorder->WaitUntil([](const Seen& seen) { return seen.started.has_value(); }));
  ASSERT_TRUE(Eventually([&] { return Stats().processes() == 3; }));
  proto::OpenRequest request;
  request.mutable_session_signal()->set_session_id("s");
  request.mutable_session_signal()->set_signal(SIGINT);
  EXPECT_TRUE(channel_->Call(request, absl::Seconds(10)).ok());
  ASSERT_TRUE(client.recorder->WaitEnd());
  EXPECT_EQ(client.recorder->seen().exited->signal(), SIGINT);
  EXPECT_EQ(client.recorder->seen().stdout, "");
  EXPECT_EQ(ReasonOf(channel_->Call(request, absl::Seconds(10)).status()), reason::kSessionNotFound);
}

TEST_F(InitTest, ABackgroundJobThatHoldsThePipesDoesNotHoldTheSession) {
  const absl::Time begin = absl::Now();
  const Seen seen = RunLine("echo now; sleep 100 &");
  EXPECT_EQ(seen.stdout, "now\n");
  EXPECT_LT(absl::Now() - begin, absl::Seconds(5));
  EXPECT_EQ(Stats().processes(), 1);
  EXPECT_EQ(Stats().sessions(), 0);
}

TEST_F(InitTest, ABackgroundJobThatHoldsTheTerminalDoesNotHoldTheSession) {
  proto::OpenRequest request = StartRequest("s", {"trap '' HUP; sleep 100 & echo now"});
  MakeTerminal(request);
  Client client = Open(request);
  ASSERT_TRUE(client.recorder->WaitEnd());
  EXPECT_EQ(client.recorder->seen().stdout, "now\r\n");
  EXPECT_GE(Stats().processes(), 1);
}

TEST_F(InitTest, AJobThatWritesForEverDoesNotHoldTheSession) {
  const Seen seen = RunLine("yes & echo now >&2");
  EXPECT_EQ(seen.stderr, "now\n");
  EXPECT_EQ(seen.exited->code(), 0);
}

TEST_F(InitTest, ListsWhatRunsTheOldestFirst) {
  Client first = Open(StartRequest("first", {"sleep", "100"}));
  proto::OpenRequest request = StartRequest("second", {});
  MakeTerminal(request);
  request.mutable_session_start()->set_user("alice");
  Client second = Open(request);
  ASSERT_TRUE(second.recorder->WaitUntil([](const Seen& seen) { return seen.started.has_value(); }));
  RunLine("true");
  const proto::SessionList list = List();
  ASSERT_EQ(list.sessions_size(), 2);
  EXPECT_EQ(list.sessions(0).session_id(), "first");
  EXPECT_EQ(list.sessions(0).command(), "sleep 100");
  EXPECT_EQ(list.sessions(0).user(), "root");
  EXPECT_FALSE(list.sessions(0).has_terminal());
  EXPECT_TRUE(list.sessions(0).attached());
  EXPECT_EQ(list.sessions(1).session_id(), "second");
  EXPECT_EQ(list.sessions(1).command(), "/bin/bash");
  EXPECT_EQ(list.sessions(1).user(), "alice");
  EXPECT_TRUE(list.sessions(1).has_terminal());
  EXPECT_EQ(list.sessions(1).pid(), second.recorder->seen().started->pid());
  EXPECT_GT(list.sessions(1).start_time_ns(), list.sessions(0).start_time_ns());
  EXPECT_EQ(Stats().sessions(), 2);
}

TEST_F(InitTest, ASessionOutlivesItsConnectionAndIsAttachedAgain) {
  proto::OpenRequest request = StartRequest("s", {});
  MakeTerminal(request);
  Client client = Open(request);
  client.stream->Send(Stdin("sleep 100 & echo fi''rst\n"));
  ASSERT_TRUE(client.recorder->WaitUntil(StdoutHas("first")));
  // Another daemon takes the place of this one.
  channel_ = distro_->Connect();
  ASSERT_TRUE(client.recorder->WaitEnd());
  EXPECT_EQ(ReasonOf(*client.recorder->seen().end), reason::kRuntimeDied);

  Client again = Attach("s");
  ASSERT_TRUE(again.recorder->WaitUntil(StdoutHas("first")));
  EXPECT_EQ(again.recorder->seen().attached->stdin_offset(), 25);
  EXPECT_EQ(again.recorder->seen().attached->stdout_offset(), 0);
  again.stream->Send(Stdin("jobs\n"));
  EXPECT_TRUE(again.recorder->WaitUntil(StdoutHas("sleep 100 &")));
}

TEST_F(InitTest, AnAttachGoesOnWhereTheClientStopped) {
  Client client = Open(StartRequest("s", {"echo one; read line; echo two; read line; echo three; exit 4"}));
  ASSERT_TRUE(client.recorder->WaitUntil(StdoutHas("one\n")));
  Client again = Attach("s", 2);
  ASSERT_TRUE(client.recorder->WaitEnd());
  EXPECT_EQ(client.recorder->seen().end->code(), absl::StatusCode::kAborted);
  again.stream->Send(Stdin("x\n"));
  ASSERT_TRUE(again.recorder->WaitUntil(StdoutHas("e\ntwo\n")));
  EXPECT_EQ(again.recorder->seen().attached->stdout_offset(), 2);
  again.stream->Close();
  Client third = Attach("s", 8);
  third.stream->Send(Stdin("y\n"));
  ASSERT_TRUE(third.recorder->WaitEnd());
  EXPECT_EQ(third.recorder->seen().stdout, "three\n");
  EXPECT_EQ(third.recorder->seen().attached->stdin_offset(), 2);
  EXPECT_EQ(third.recorder->seen().exited->code(), 4);
}

TEST_F(InitTest, AnEndThatNobodySawIsToldToWhoAttaches) {
  Client client = Open(StartRequest("s", {"sleep 0.2; echo last words; exit 9"}));
  ASSERT_TRUE(client.recorder->WaitUntil([](const Seen& seen) { return seen.started.has_value(); }));
  client.stream->Close();
  ASSERT_TRUE(Eventually([&] { return Stats().sessions() == 0; }));
  Client again = Attach("s");
  ASSERT_TRUE(again.recorder->WaitEnd());
  EXPECT_EQ(again.recorder->seen().stdout, "last words\n");
  EXPECT_EQ(again.recorder->seen().exited->code(), 9);
}

TEST_F(InitTest, AttachingToNothingIsAnError) {
  Client client = Attach("nothing");
  ASSERT_TRUE(client.recorder->WaitEnd());
  EXPECT_EQ(ReasonOf(*client.recorder->seen().end), reason::kSessionNotFound);
}

TEST_F(InitTest, WithoutAClientOutputWaitsAndNothingIsLost) {
  Client client = Open(StartRequest("s", {"read x; seq 1 300000; echo done"}), /*consume=*/false);
  ASSERT_TRUE(client.recorder->WaitUntil([](const Seen& seen) { return seen.started.has_value(); }));
  client.stream->Send(Stdin("go\n"));
  ASSERT_TRUE(client.recorder->WaitUntil([](const Seen& seen) { return seen.stdout.size() > 200'000; }));
  client.stream->Close();
  std::string all = client.recorder->seen().stdout;
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  Client again = Attach("s", static_cast<int64_t>(all.size()));
  ASSERT_TRUE(again.recorder->WaitEnd());
  EXPECT_EQ(again.recorder->seen().attached->stdout_offset(), static_cast<int64_t>(all.size()));
  all += again.recorder->seen().stdout;
  std::string expected;
  for (int i = 1; i <= 300'000; ++i) expected += std::to_string(i) + "\n";
  EXPECT_TRUE(all == expected + "done\n") << all.size() << " of " << expected.size() + 5;
}

TEST_F(InitTest, ADetachedSessionRunsToItsEndWithoutAClient) {
  proto::OpenRequest request = StartRequest("s", {"seq 1 300000; echo done; exit 6"});
  request.mutable_session_start()->set_detached(true);
  Client client = Open(request);
  ASSERT_TRUE(client.recorder->WaitUntil([](const Seen& seen) { return seen.started.has_value(); }));
  client.stream->Close();
  ASSERT_TRUE(Eventually([&] { return Stats().sessions() == 0; }));
  Client again = Attach("s");
  ASSERT_TRUE(again.recorder->WaitEnd());
  const Seen seen = again.recorder->seen();
  EXPECT_EQ(seen.exited->code(), 6);
  EXPECT_THAT(seen.stdout.substr(seen.stdout.size() - 12), HasSubstr("300000\ndone\n"));
  if (seen.attached->stdout_offset() > 0) {
    EXPECT_GE(seen.stdout.size(), proto::kReplayBytes);
  }
}

TEST_F(InitTest, ASlowReaderStopsItsCommandAndNoOther) {
  Client slow = Open(StartRequest("slow", {"yes | head -c 100000000"}), /*consume=*/false);
  ASSERT_TRUE(slow.recorder->WaitUntil([](const Seen& seen) { return seen.stdout.size() > 200'000; }));
  for (int i = 0; i < 20; ++i) EXPECT_EQ(RunLine("echo quick").stdout, "quick\n");
  EXPECT_LE(slow.recorder->seen().stdout.size(), size_t{proto::kInitialWindow});
  slow.recorder->Consume(slow.stream);
  ASSERT_TRUE(slow.recorder->WaitEnd());
  EXPECT_EQ(slow.recorder->seen().stdout.size(), 100'000'000u);
}

TEST_F(InitTest, DetachKeepsARunningSession) {
  Client client = Open(StartRequest("s", {"sleep 100"}));
  ASSERT_TRUE(client.recorder->WaitUntil([](const Seen& seen) { return seen.started.has_value(); }));
  proto::OpenRequest request;
  request.mutable_session_detach()->set_session_id("s");
  EXPECT_TRUE(channel_->Call(request, absl::Seconds(10)).ok());
  client.stream->Close();
  ASSERT_TRUE(Eventually([&] { return !List().sessions(0).attached(); }));
  EXPECT_TRUE(List().sessions(0).detached());
}

TEST_F(InitTest, StopEndsEverythingThenInit) {
  proto::OpenRequest shell = StartRequest("shell", {});
  MakeTerminal(shell);
  Client client = Open(shell);
  client.stream->Send(Stdin("echo rea''dy\n"));
  ASSERT_TRUE(client.recorder->WaitUntil(StdoutHas("ready")));
  Client polite = Open(StartRequest("polite", {"trap 'echo bye; exit 3' TERM; echo up; while :; do sleep 0.05; done"}));
  ASSERT_TRUE(polite.recorder->WaitUntil(StdoutHas("up")));
  const absl::Time begin = absl::Now();
  EXPECT_TRUE(Stop(absl::Seconds(15)).ok());
  EXPECT_LT(absl::Now() - begin, absl::Seconds(10));
  EXPECT_EQ(polite.recorder->seen().stdout, "up\nbye\n");
  EXPECT_EQ(polite.recorder->seen().exited->code(), 3);
  EXPECT_TRUE(client.recorder->seen().exited);
  EXPECT_EQ(distro_->WaitExit(), 0);
}

TEST_F(InitTest, StopKillsWhatDoesNotEndInTime) {
  Client client = Open(StartRequest("s", {"trap '' TERM HUP; echo up; while :; do sleep 0.05; done"}));
  ASSERT_TRUE(client.recorder->WaitUntil(StdoutHas("up")));
  EXPECT_TRUE(Stop(absl::Milliseconds(200)).ok());
  EXPECT_EQ(client.recorder->seen().exited->signal(), SIGKILL);
  EXPECT_EQ(distro_->WaitExit(), 0);
}

TEST_F(InitTest, SigtermEndsAnIdleDistroAtOnce) {
  ::kill(distro_->host_pid(), SIGTERM);
  EXPECT_EQ(distro_->WaitExit(), 0);
}

TEST_F(InitTest, TheEndOfTheAgentsChannelIsTheEndOfTheDistro) {
  StartDistro(TestConfig(), TestDistro::Link::kChannel);
  Client client = Open(StartRequest("s", {"sleep 100"}));
  ASSERT_TRUE(client.recorder->WaitUntil([](const Seen& seen) { return seen.started.has_value(); }));
  channel_.reset();
  EXPECT_EQ(distro_->WaitExit(), 0);
}

TEST_F(InitTest, ManySessionsAtOnce) {
  std::vector<Client> clients;
  for (int i = 0; i < 100; ++i) {
    clients.push_back(Open(StartRequest("many" + std::to_string(i), {"echo", std::to_string(i)})));
  }
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(clients[i].recorder->WaitEnd());
    EXPECT_EQ(clients[i].recorder->seen().stdout, std::to_string(i) + "\n");
  }
}

TEST_F(InitTest, LeavesNoDescriptorBehindAfterManySessions) {
  for (int i = 0; i < 50; ++i) RunLine("true");
  const auto count = [&] {
    int entries = 0;
    for ([[maybe_unused]] const auto& entry :
         std::filesystem::directory_iterator("/proc/" + std::to_string(distro_->host_pid()) + "/fd")) {
      ++entries;
    }
    return entries;
  };
  EXPECT_LT(count(), 12);
}

TEST_F(InitTest, DoesNothingWhileNothingHappens) {
  Client client = Open(StartRequest("s", {"sleep 100"}));
  ASSERT_TRUE(client.recorder->WaitUntil([](const Seen& seen) { return seen.started.has_value(); }));
  const auto switches = [&] {
    std::ifstream status("/proc/" + std::to_string(distro_->host_pid()) + "/status");
    std::string line;
    while (std::getline(status, line)) {
      if (line.rfind("voluntary_ctxt_switches", 0) == 0) return line;
    }
    return line;
  };
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  const std::string before = switches();
  std::this_thread::sleep_for(std::chrono::milliseconds(1000));
  EXPECT_EQ(switches(), before);
}

}  // namespace
}  // namespace wslm::init
