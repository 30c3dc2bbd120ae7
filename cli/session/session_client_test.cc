#include "cli/session/session_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <atomic>
#include <future>

#include "cli/output/write_all.h"
#include "cli/testing/fake_daemon.h"
#include "distros/host/error.h"
#include "wslm/v1/session.grpc.pb.h"

namespace wslm::cli {
namespace {

using ::testing::HasSubstr;

// Sessions as the argument tells: "cat", "exit N", "die N", "yes", "wait" (for a signal), "missing".
class FakeSessions : public v1::SessionService::Service {
 public:
  using Stream = grpc::ServerReaderWriter<v1::ExecResponse, v1::ExecRequest>;
  using AttachStream = grpc::ServerReaderWriter<v1::AttachResponse, v1::AttachRequest>;

  // "cat" loses its connection once after so many bytes.
  int64_t break_after = INT64_MAX;
  grpc::Status break_with{grpc::StatusCode::UNAVAILABLE, "gone"};
  // What the session forgets of the input it had when that happens.
  int64_t forget = 0;
  std::atomic<int> last_signal{0};
  std::atomic<int> attaches{0};
  // What the first ones that attach are answered.
  std::vector<grpc::Status> refusals;

  grpc::Status Exec(grpc::ServerContext* context, Stream* stream) override {
    v1::ExecRequest request;
    if (!stream->Read(&request) || !request.has_start()) return grpc::Status(grpc::StatusCode::INTERNAL, "no start");
    const v1::Start start = request.start();
    if (start.argv(0) == "missing") {
      return DaemonError(grpc::StatusCode::NOT_FOUND, "DISTRO_NOT_FOUND", "There is no distro called 'x'.");
    }
    if (start.argv(0) == "vanish") return grpc::Status(grpc::StatusCode::UNAVAILABLE, "gone");
    v1::ExecResponse response;
    response.mutable_started()->set_session_id("s1");
    response.mutable_started()->set_attach_token("secret");
    stream->Write(response);
    if (start.argv(0) == "cat") return Cat(*stream, context);
    if (start.argv(0) == "yes") {
      response.set_stdout(std::string(64 << 10, 'y'));
      while (last_signal == 0 && stream->Write(response)) {
      }
      response.mutable_exited()->set_signal(last_signal);
    } else if (start.argv(0) == "wait") {
      while (last_signal == 0 && !context->IsCancelled()) absl::SleepFor(absl::Milliseconds(5));
      response.mutable_exited()->set_signal(last_signal);
    } else if (start.argv(0) == "die") {
      response.mutable_exited()->set_signal(std::stoi(start.argv(1)));
    } else {
      response.set_stderr("to stderr\n");
      stream->Write(response);
      response.mutable_exited()->set_code(std::stoi(start.argv(1)));
    }
    stream->Write(response);
    return grpc::Status::OK;
  }

  grpc::Status Attach(grpc::ServerContext* context, AttachStream* stream) override {
    v1::AttachRequest request;
    if (!stream->Read(&request) || request.attach().attach_token() != "secret" ||
        request.attach().session_id() != "s1") {
      return grpc::Status(grpc::StatusCode::INTERNAL, "not the session");
    }
    if (static_cast<size_t>(attaches++) < refusals.size()) return refusals[static_cast<size_t>(attaches - 1)];
    received_ -= forget;
    v1::AttachResponse response;
    response.mutable_attached()->set_stdin_offset(received_);
    response.mutable_attached()->set_stdout_offset(request.attach().stdout_offset());
    stream->Write(response);
    // What the client did not get of the output is sent again: the tests' output is their input.
    skip_ = request.attach().stdout_offset() - received_;
    return Cat(*stream, context);
  }

  grpc::Status SignalSession(grpc::ServerContext*, const v1::SignalSessionRequest* request,
                             v1::SignalSessionResponse*) override {
    EXPECT_EQ(request->session_id(), "s1");
    last_signal = request->signal();
    return grpc::Status::OK;
  }

 private:
  template <typename Request, typename Response>
  grpc::Status Cat(grpc::ServerReaderWriter<Response, Request>& stream, grpc::ServerContext*) {
    Request request;
    Response response;
    while (stream.Read(&request)) {
      if (request.has_eof()) {
        response.mutable_exited()->set_code(0);
        stream.Write(response);
        return grpc::Status::OK;
      }
      if (!request.has_stdin()) continue;
      received_ += static_cast<int64_t>(request.stdin().size());
      std::string output = request.stdin();
      const size_t skipped = std::min<size_t>(static_cast<size_t>(std::max<int64_t>(skip_, 0)), output.size());
      skip_ -= static_cast<int64_t>(skipped);
      output.erase(0, skipped);
      response.set_stdout(output);
      if (!output.empty()) stream.Write(response);
      if (received_ >= break_after) {
        break_after = INT64_MAX;
        return break_with;
      }
    }
    return grpc::Status::OK;
  }

  int64_t received_ = 0;
  int64_t skip_ = 0;
};

class SessionClientTest : public ::testing::Test {
 protected:
  SessionClientTest() : daemon_(std::vector<grpc::Service*>{&sessions_}), client_(daemon_.MakeClient()) {
    signal(SIGPIPE, SIG_IGN);
  }

  absl::StatusOr<int> Run(const std::vector<std::string>& argv) {
    v1::Start start;
    for (const std::string& word : argv) start.add_argv(word);
    Console console(err_.writer.get(), err_.writer.get());
    SessionClient session(*client_, console, signals_, {in_.reader.get(), out_.writer.get(), err_.writer.get()}, "deb");
    return session.Run(start);
  }

  // Before the server: its threads must not take the signals.
  SignalFd signals_{SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH, SIGCONT};
  FakeSessions sessions_;
  FakeDaemon daemon_;
  std::unique_ptr<Client> client_;
  Pipe in_;
  Pipe out_;
  Pipe err_;
};

std::string Pattern(size_t size) {
  std::string data(size, '\0');
  uint32_t state = 1;
  for (char& c : data) c = static_cast<char>((state = state * 1664525 + 1013904223) >> 24);
  return data;
}

TEST_F(SessionClientTest, TheExitCodeIsTheGuests) { EXPECT_EQ(*Run({"exit", "42"}), 42); }

TEST_F(SessionClientTest, ASignalGives128AndItsNumber) { EXPECT_EQ(*Run({"die", "9"}), 137); }

TEST_F(SessionClientTest, StreamsStayApart) {
  EXPECT_EQ(*Run({"exit", "0"}), 0);
  EXPECT_EQ(out_.Drain(), "");
  EXPECT_EQ(err_.Drain(), "to stderr\n");
}

TEST_F(SessionClientTest, AnErrorKeepsItsReason) {
  EXPECT_EQ(ReasonOf(Run({"missing"}).status()), reason::kDistroNotFound);
}

TEST_F(SessionClientTest, ADaemonThatGoesBeforeTheStartIsAnError) {
  EXPECT_TRUE(absl::IsUnavailable(Run({"vanish"}).status()));
  EXPECT_EQ(sessions_.attaches, 0);
}

TEST_F(SessionClientTest, AllInputComesBackUnharmed) {
  const std::string data = Pattern(20 << 20);
  std::thread writer([&] {
    EXPECT_EQ(WriteAll(in_.writer.get(), data), 0);
    in_.writer.Reset();
  });
  std::future<std::string> output = std::async(std::launch::async, [&] {
    std::string text;
    std::string buffer(1 << 20, '\0');
    while (text.size() < data.size()) {
      const ssize_t got = read(out_.reader.get(), buffer.data(), buffer.size());
      if (got <= 0) break;
      text.append(buffer.data(), static_cast<size_t>(got));
    }
    return text;
  });
  EXPECT_EQ(*Run({"cat"}), 0);
  writer.join();
  EXPECT_TRUE(output.get() == data);
}

TEST_F(SessionClientTest, AttachesAgainAndSendsWhatTheSessionHasNot) {
  const std::string data = Pattern(1 << 20);
  sessions_.break_after = 300 << 10;
  sessions_.forget = 100 << 10;
  std::thread writer([&] {
    EXPECT_EQ(WriteAll(in_.writer.get(), data), 0);
    in_.writer.Reset();
  });
  std::future<std::string> output = std::async(std::launch::async, [&] {
    std::string text(data.size(), '\0');
    size_t size = 0;
    while (size < text.size()) {
      const ssize_t got = read(out_.reader.get(), text.data() + size, text.size() - size);
      if (got <= 0) break;
      size += static_cast<size_t>(got);
    }
    return text;
  });
  EXPECT_EQ(*Run({"cat"}), 0);
  writer.join();
  EXPECT_EQ(sessions_.attaches, 1);
  EXPECT_TRUE(output.get() == data);
  EXPECT_EQ(err_.Drain(), "") << "a quick one is not worth a word";
}

TEST_F(SessionClientTest, ADaemonThatIsEndedIsAsGoodAsOneThatDied) {
  const grpc::Status ends = DaemonError(grpc::StatusCode::UNAVAILABLE, "SHUTTING_DOWN", "wslmd ends.");
  sessions_.break_after = 1;
  sessions_.break_with = ends;
  sessions_.refusals = {ends, grpc::Status(grpc::StatusCode::UNAVAILABLE, "gone")};
  EXPECT_EQ(WriteAll(in_.writer.get(), "abc"), 0);
  in_.writer.Reset();
  EXPECT_EQ(*Run({"cat"}), 0);
  EXPECT_EQ(sessions_.attaches, 3);
  EXPECT_EQ(out_.Drain(), "abc");
}

TEST_F(SessionClientTest, ASessionThatEndedMeanwhileIsAnErrorWithItsReason) {
  sessions_.break_after = 1;
  sessions_.refusals = {DaemonError(grpc::StatusCode::NOT_FOUND, "SESSION_NOT_FOUND", "There is no session 's1'.")};
  EXPECT_EQ(WriteAll(in_.writer.get(), "abc"), 0);
  EXPECT_EQ(ReasonOf(Run({"cat"}).status()), reason::kSessionNotFound);
}

TEST_F(SessionClientTest, InputThatIsNoLongerKeptIsNotSilentlyLost) {
  sessions_.break_after = 3 << 20;
  sessions_.forget = 2 << 20;
  std::thread writer([&] {
    WriteAll(in_.writer.get(), Pattern(3 << 20));
    in_.writer.Reset();
  });
  std::thread reader([&] {
    std::string buffer(1 << 20, '\0');
    while (read(out_.reader.get(), buffer.data(), buffer.size()) > 0) {
    }
  });
  EXPECT_TRUE(absl::IsDataLoss(Run({"cat"}).status()));
  out_.writer.Reset();
  writer.join();
  reader.join();
}

TEST_F(SessionClientTest, AReaderThatStopsEndsTheCommand) {
  std::thread reader([&] {
    char byte;
    EXPECT_EQ(read(out_.reader.get(), &byte, 1), 1);
    out_.reader.Reset();
  });
  EXPECT_EQ(*Run({"yes"}), 141);
  reader.join();
  EXPECT_EQ(sessions_.last_signal, SIGPIPE);
}

TEST_F(SessionClientTest, SignalsAreForwardedWithoutATerminal) {
  std::thread sender([] {
    absl::SleepFor(absl::Milliseconds(200));
    kill(getpid(), SIGTERM);
  });
  EXPECT_EQ(*Run({"wait"}), 128 + SIGTERM);
  sender.join();
  EXPECT_EQ(sessions_.last_signal, SIGTERM);
}

TEST_F(SessionClientTest, InputThatNobodyReadsDoesNotHoldASignalUp) {
  std::thread writer([&] { WriteAll(in_.writer.get(), std::string(8 << 20, 'x')); });
  std::thread sender([] {
    absl::SleepFor(absl::Milliseconds(300));
    kill(getpid(), SIGINT);
  });
  EXPECT_EQ(*Run({"wait"}), 128 + SIGINT);
  sender.join();
  in_.reader.Reset();
  writer.join();
}

}  // namespace
}  // namespace wslm::cli
