#include "wslm/runtime/v1/channel.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <future>
#include <map>
#include <mutex>
#include <thread>

#include "distros/host/error.h"
#include "wslm/runtime/v1/frames.h"

namespace wslm::runtime::v1 {
namespace {

constexpr absl::Duration kWait = absl::Seconds(20);

std::string Bytes(FrameType type, uint32_t stream, std::string_view payload, uint8_t flags = 0) {
  std::string out;
  AppendFrame(type, flags, stream, payload, out);
  return out;
}

// The other end of a socketpair, with a blocking thread that hands each frame but HELLO to a function.
class FakeGuest {
 public:
  using Handler = std::function<void(FakeGuest&, const Frame&)>;

  explicit FakeGuest(Handler handler, std::string before_ack = "") : handler_(std::move(handler)) {
    int fds[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    host_.Reset(fds[0]);
    socket_.Reset(fds[1]);
    thread_ = std::thread([this, before_ack = std::move(before_ack)] { Run(before_ack); });
  }
  ~FakeGuest() {
    HangUp();
    thread_.join();
  }

  UniqueFd TakeHostEnd() { return std::move(host_); }
  void HangUp() { ::shutdown(socket_.get(), SHUT_RDWR); }
  void Write(std::string_view bytes) {
    const std::lock_guard lock(write_mutex_);
    while (!bytes.empty()) {
      const ssize_t sent = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return;
      bytes.remove_prefix(static_cast<size_t>(sent));
    }
  }
  void WriteMessage(uint32_t stream, const GuestMessage& message, uint8_t flags = 0) {
    Write(Bytes(FrameType::kData, stream, message.SerializeAsString(), flags));
  }
  void WriteStdout(uint32_t stream, const std::string& text) {
    GuestMessage message;
    message.set_stdout(text);
    WriteMessage(stream, message);
  }
  void GiveWindow(uint32_t stream, uint32_t bytes) { Write(Bytes(FrameType::kWindow, stream, WindowPayload(bytes))); }
  void End(uint32_t stream, const StreamEnd& end = {}) {
    Write(Bytes(FrameType::kStatus, stream, end.SerializeAsString()));
  }

 private:
  void Run(const std::string& before_ack) {
    FrameParser parser;
    parser.set_resync(true);
    std::string buffer(256 * 1024, '\0');
    while (true) {
      const ssize_t got = ::recv(socket_.get(), buffer.data(), buffer.size(), 0);
      if (got <= 0) return;
      parser.Feed(std::string_view(buffer.data(), static_cast<size_t>(got)));
      Frame frame;
      while (parser.Next(frame) == FrameParser::Result::kFrame) {
        if (frame.type != FrameType::kHello) {
          handler_(*this, frame);
          continue;
        }
        Hello hello;
        ASSERT_TRUE(hello.ParseFromString(frame.payload));
        HelloAck ack;
        ack.set_nonce(hello.nonce());
        ack.set_revision(kRevision);
        ack.set_role(PEER_ROLE_INIT);
        Write(before_ack + Bytes(FrameType::kHelloAck, 0, ack.SerializeAsString()));
      }
    }
  }

  const Handler handler_;
  UniqueFd host_;
  UniqueFd socket_;
  std::mutex write_mutex_;
  std::thread thread_;
};

class Recorder : public StreamObserver {
 public:
  void OnMessage(const GuestMessage& message, size_t payload_bytes) override {
    const std::lock_guard lock(mutex_);
    if (message.has_stdout()) stdout_ += message.stdout();
    payload_bytes_ += payload_bytes;
    changed_.notify_all();
  }
  void OnEnd(const absl::Status& status) override {
    const std::lock_guard lock(mutex_);
    end_ = status;
    changed_.notify_all();
  }
  void OnWritable() override {
    const std::lock_guard lock(mutex_);
    ++writable_;
    changed_.notify_all();
  }

  bool WaitUntil(const std::function<bool(const Recorder&)>& condition) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, absl::ToChronoSeconds(kWait), [&] { return condition(*this); });
  }
  absl::Status End() {
    if (!WaitUntil([](const Recorder& r) { return r.end_.has_value(); })) return absl::UnknownError("no end");
    return *end_;
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::string stdout_;
  size_t payload_bytes_ = 0;
  int writable_ = 0;
  std::optional<absl::Status> end_;
};

HostMessage Stdin(std::string bytes) {
  HostMessage message;
  message.set_stdin(std::move(bytes));
  return message;
}

std::shared_ptr<Channel> ConnectTo(FakeGuest& guest, const Channel::Options& options = {}) {
  auto channel = Channel::Connect(guest.TakeHostEnd(), options);
  EXPECT_TRUE(channel.ok()) << channel.status();
  return *channel;
}

// Answers each stdin byte by the same on stdout, gives credit at once, ends after eof.
void Echo(FakeGuest& guest, const Frame& frame) {
  if (frame.type != FrameType::kData) return;
  HostMessage message;
  ASSERT_TRUE(message.ParseFromString(frame.payload));
  if (message.has_stdin()) {
    guest.WriteStdout(frame.stream, message.stdin());
    guest.GiveWindow(frame.stream, static_cast<uint32_t>(frame.payload.size()));
  }
  if (message.eof()) guest.End(frame.stream);
}

TEST(ChannelTest, ConnectsAndTellsWhoAnswered) {
  FakeGuest guest(Echo);
  const auto channel = ConnectTo(guest);
  EXPECT_EQ(channel->peer().role(), PEER_ROLE_INIT);
  EXPECT_FALSE(channel->closed());
}

TEST(ChannelTest, FindsTheAnswerBehindWhatAnEarlierConnectionLeft) {
  HelloAck other;
  other.set_nonce(1);
  std::string stale = "half of something";
  for (int i = 0; i < 100; ++i) stale += Bytes(FrameType::kData, 9, std::string(kMaxPayload, 'x'));
  stale += Bytes(FrameType::kHelloAck, 0, other.SerializeAsString());
  FakeGuest guest(Echo, stale);
  const auto channel = ConnectTo(guest, {.padding = true, .seed = true});
  auto recorder = std::make_shared<Recorder>();
  const auto stream = channel->Open({}, recorder);
  HostMessage eof;
  eof.set_eof(true);
  stream->Send(Stdin("works"));
  stream->Send(eof);
  EXPECT_TRUE(recorder->End().ok());
  EXPECT_EQ(recorder->stdout_, "works");
}

TEST(ChannelTest, GivesUpOnAPeerThatDoesNotAnswer) {
  int fds[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
  UniqueFd silent(fds[1]);
  const auto late = Channel::Connect(UniqueFd(fds[0]), {.hello_timeout = absl::Milliseconds(50)});
  EXPECT_EQ(late.status().code(), absl::StatusCode::kDeadlineExceeded);

  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
  ::close(fds[1]);
  const auto gone = Channel::Connect(UniqueFd(fds[0]), {});
  EXPECT_EQ(gone.status().code(), absl::StatusCode::kUnavailable);
}

// Answers the HELLOs of `deaf` and more, all but the first `deaf` of them.
void AnswerLate(int socket, int deaf, std::vector<uint64_t>& nonces) {
  FrameParser parser;
  parser.set_resync(true);
  std::string buffer(256 * 1024, '\0');
  ssize_t got;
  while ((got = ::recv(socket, buffer.data(), buffer.size(), 0)) > 0) {
    parser.Feed(std::string_view(buffer.data(), static_cast<size_t>(got)));
    Frame frame;
    while (parser.Next(frame) == FrameParser::Result::kFrame) {
      Hello hello;
      std::string answer;
      if (frame.type == FrameType::kHello && hello.ParseFromString(frame.payload)) {
        nonces.push_back(hello.nonce());
        if (static_cast<int>(nonces.size()) <= deaf) continue;
        HelloAck ack;
        ack.set_nonce(hello.nonce());
        // Twice, as one does who answers each of two HELLOs.
        for (int i = 0; i < 2; ++i) {
          answer.append(kMaxPayload + kHeaderSize, '\0');
          AppendFrame(FrameType::kHelloAck, 0, 0, ack.SerializeAsString(), answer);
        }
      } else if (frame.type == FrameType::kOpen) {
        answer = Bytes(FrameType::kStatus, frame.stream, StreamEnd().SerializeAsString());
      }
      ::send(socket, answer.data(), answer.size(), MSG_NOSIGNAL);
    }
  }
}

TEST(ChannelTest, SaysHelloOnAPortAgainUntilItIsAnsweredAndIgnoresASecondAnswer) {
  int fds[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
  UniqueFd guest(fds[1]);
  std::vector<uint64_t> nonces;
  std::thread thread([&] { AnswerLate(guest.get(), 2, nonces); });
  {
    const auto channel = Channel::Connect(UniqueFd(fds[0]), {.padding = true, .seed = true});
    ASSERT_TRUE(channel.ok()) << channel.status();
    for (int i = 0; i < 3; ++i) EXPECT_TRUE((*channel)->Call({}, kWait).ok());
  }
  thread.join();
  ASSERT_EQ(nonces.size(), 3u);
  EXPECT_EQ(nonces[0], nonces[2]);
}

TEST(ChannelTest, GivesUpWhenAskedTo) {
  int fds[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
  UniqueFd silent(fds[1]);
  const auto channel = Channel::Connect(
      UniqueFd(fds[0]),
      {.hello_timeout = kWait, .padding = true, .give_up = [calls = 0]() mutable { return ++calls > 1; }});
  EXPECT_EQ(channel.status().code(), absl::StatusCode::kCancelled);
}

TEST(ChannelTest, CallAnswersTheLastMessage) {
  FakeGuest guest([](FakeGuest& self, const Frame& frame) {
    if (frame.type != FrameType::kOpen) return;
    GuestMessage message;
    message.mutable_stats()->set_processes(42);
    self.WriteMessage(frame.stream, message);
    self.End(frame.stream);
  });
  const auto channel = ConnectTo(guest);
  OpenRequest request;
  request.mutable_stats();
  const auto answer = channel->Call(request, kWait);
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->stats().processes(), 42);
}

TEST(ChannelTest, CallGivesTheGuestsErrorWithItsReason) {
  FakeGuest guest([](FakeGuest& self, const Frame& frame) {
    StreamEnd end;
    end.set_code(static_cast<int>(absl::StatusCode::kNotFound));
    end.set_message("No such user.");
    end.set_reason("USER_NOT_FOUND");
    self.End(frame.stream, end);
  });
  const auto channel = ConnectTo(guest);
  const auto answer = channel->Call({}, kWait);
  EXPECT_EQ(answer.status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(answer.status().message(), "No such user.");
  EXPECT_EQ(ReasonOf(answer.status()), reason::kUserNotFound);
}

TEST(ChannelTest, CallGivesUpAfterItsTimeoutAndTellsThePeer) {
  std::promise<void> closed;
  FakeGuest guest([&](FakeGuest&, const Frame& frame) {
    if (frame.type == FrameType::kStatus) closed.set_value();
  });
  const auto channel = ConnectTo(guest);
  EXPECT_EQ(channel->Call({}, absl::Milliseconds(20)).status().code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(closed.get_future().wait_for(absl::ToChronoSeconds(kWait)), std::future_status::ready);
}

TEST(ChannelTest, APeerThatGoesEndsEveryStreamAndTheOnesOpenedLater) {
  FakeGuest guest([](FakeGuest&, const Frame&) {});
  const auto channel = ConnectTo(guest);
  auto first = std::make_shared<Recorder>();
  auto second = std::make_shared<Recorder>();
  auto late = std::make_shared<Recorder>();
  std::promise<void> closed;
  channel->OnClosed([&] { closed.set_value(); });
  const auto one = channel->Open({}, first);
  const auto two = channel->Open({}, second);
  guest.HangUp();
  for (Recorder* recorder : {first.get(), second.get()}) {
    EXPECT_EQ(recorder->End().code(), absl::StatusCode::kUnavailable);
    EXPECT_EQ(ReasonOf(recorder->End()), reason::kRuntimeDied);
  }
  ASSERT_EQ(closed.get_future().wait_for(absl::ToChronoSeconds(kWait)), std::future_status::ready);
  EXPECT_TRUE(channel->closed());
  const auto three = channel->Open({}, late);
  EXPECT_EQ(late->End().code(), absl::StatusCode::kUnavailable);
  EXPECT_TRUE(one->Send(Stdin("into the void")));
  bool called_at_once = false;
  channel->OnClosed([&] { called_at_once = true; });
  EXPECT_TRUE(called_at_once);
}

TEST(ChannelTest, ACorruptFrameEndsTheConnection) {
  FakeGuest guest([](FakeGuest& self, const Frame&) { self.Write("this is no frame"); });
  const auto channel = ConnectTo(guest);
  EXPECT_EQ(channel->Call({}, kWait).status().code(), absl::StatusCode::kUnavailable);
}

// A VM's channel carries the streams of many distros: one that does wrong must not end the others'.
TEST(ChannelTest, AMessageThatIsNoneEndsItsStreamAlone) {
  FakeGuest guest([](FakeGuest& self, const Frame& frame) {
    if (frame.type == FrameType::kOpen && frame.stream == 2) {
      for (const FrameType type : {FrameType::kData, FrameType::kOpen}) self.Write(Bytes(type, 2, "\xff\xff\xff"));
    }
    if (frame.type == FrameType::kData) Echo(self, frame);
  });
  const auto channel = ConnectTo(guest);
  auto good = std::make_shared<Recorder>();
  const auto stream = channel->Open({}, good);
  EXPECT_EQ(channel->Call({}, kWait).status().code(), absl::StatusCode::kInternal);
  stream->Send(Stdin("still here"));
  EXPECT_TRUE(good->WaitUntil([](const Recorder& r) { return r.stdout_ == "still here"; }));
  EXPECT_FALSE(channel->closed());
}

TEST(ChannelTest, APeerThatSendsMoreThanItsCreditLosesTheStream) {
  std::atomic<bool> told = false;
  FakeGuest guest([&](FakeGuest& self, const Frame& frame) {
    if (frame.type == FrameType::kStatus) told = true;
    if (frame.type != FrameType::kOpen) return;
    for (int i = 0; i < 5; ++i) self.WriteStdout(frame.stream, std::string(60'000, 'o'));
  });
  const auto channel = ConnectTo(guest);
  auto recorder = std::make_shared<Recorder>();
  const auto stream = channel->Open({}, recorder);
  EXPECT_EQ(recorder->End().code(), absl::StatusCode::kInternal);
  EXPECT_LE(recorder->stdout_.size(), size_t{kInitialWindow});
  for (int i = 0; i < 1000 && !told; ++i) absl::SleepFor(absl::Milliseconds(10));
  EXPECT_TRUE(told);
}

TEST(ChannelTest, OutputThatClaimsToCostNothingLosesTheStream) {
  FakeGuest guest([](FakeGuest& self, const Frame& frame) {
    if (frame.type != FrameType::kOpen) return;
    GuestMessage message;
    message.set_stdout("free");
    self.WriteMessage(frame.stream, message, kFlagNoCredit);
  });
  const auto channel = ConnectTo(guest);
  EXPECT_EQ(channel->Call({}, kWait).status().code(), absl::StatusCode::kInternal);
}

TEST(ChannelTest, StdinWaitsForCreditWhileResizeAndSignalPass) {
  std::mutex mutex;
  size_t stdin_bytes = 0;
  std::promise<size_t> at_signal;
  std::atomic<uint32_t> stream_id = 0;
  FakeGuest guest([&](FakeGuest&, const Frame& frame) {
    stream_id = frame.stream;
    HostMessage message;
    if (frame.type != FrameType::kData || !message.ParseFromString(frame.payload)) return;
    const std::lock_guard lock(mutex);
    if (message.has_stdin()) {
      stdin_bytes += frame.payload.size();
      EXPECT_EQ(frame.flags & kFlagNoCredit, 0);
    } else if (message.signal() == 2) {
      EXPECT_EQ(frame.flags & kFlagNoCredit, kFlagNoCredit);
      at_signal.set_value(stdin_bytes);
    }
  });
  const auto channel = ConnectTo(guest);
  auto recorder = std::make_shared<Recorder>();
  const auto stream = channel->Open({}, recorder);
  bool room = true;
  size_t sent = 0;
  while (room && sent < 10 * kInitialWindow) {
    room = stream->Send(Stdin(std::string(30'000, 's')));
    sent += 30'000;
  }
  EXPECT_FALSE(room);
  EXPECT_LT(sent, 3 * kInitialWindow);
  HostMessage signal;
  signal.set_signal(2);
  stream->Send(signal);
  auto future = at_signal.get_future();
  ASSERT_EQ(future.wait_for(absl::ToChronoSeconds(kWait)), std::future_status::ready);
  EXPECT_LE(future.get(), size_t{kInitialWindow});
  while (stream->Send(Stdin(std::string(30'000, 's')))) {
  }
  int writable_before = 0;
  recorder->WaitUntil([&](const Recorder& r) {
    writable_before = r.writable_;
    return true;
  });
  guest.GiveWindow(stream_id, 10 * kInitialWindow);
  EXPECT_TRUE(recorder->WaitUntil([&](const Recorder& r) { return r.writable_ > writable_before; }));
}

TEST(ChannelTest, MessagesCountAsConsumedOnlyWhenTheReceiverSaysSo) {
  std::promise<uint32_t> window;
  FakeGuest guest([&](FakeGuest& self, const Frame& frame) {
    if (frame.type == FrameType::kOpen) {
      for (int i = 0; i < 4; ++i) self.WriteStdout(frame.stream, std::string(60'000, 'o'));
      GuestMessage exited;
      exited.mutable_exited()->set_code(0);
      self.WriteMessage(frame.stream, exited, kFlagNoCredit);
      self.End(frame.stream);
    }
    if (frame.type == FrameType::kWindow) window.set_value(*ParseWindowPayload(frame.payload));
  });
  const auto channel = ConnectTo(guest);
  auto held = std::make_shared<Recorder>();
  const auto stream = channel->Open({}, held);
  EXPECT_TRUE(held->End().ok());
  EXPECT_EQ(held->stdout_.size(), 240'000u);
  EXPECT_GT(held->payload_bytes_, 240'000u);
  EXPECT_LT(held->payload_bytes_, 240'100u);
}

TEST(ChannelTest, CreditIsGivenBackForWhatWasConsumed) {
  std::promise<uint32_t> window;
  FakeGuest guest([&](FakeGuest& self, const Frame& frame) {
    if (frame.type == FrameType::kOpen) {
      for (int i = 0; i < 4; ++i) self.WriteStdout(frame.stream, std::string(60'000, 'o'));
    }
    if (frame.type == FrameType::kWindow) window.set_value(*ParseWindowPayload(frame.payload));
  });
  const auto channel = ConnectTo(guest);
  auto recorder = std::make_shared<Recorder>();
  const auto stream = channel->Open({}, recorder);
  ASSERT_TRUE(recorder->WaitUntil([](const Recorder& r) { return r.stdout_.size() == 240'000; }));
  stream->Consumed(recorder->payload_bytes_);
  auto future = window.get_future();
  ASSERT_EQ(future.wait_for(absl::ToChronoSeconds(kWait)), std::future_status::ready);
  EXPECT_EQ(future.get(), recorder->payload_bytes_);
}

// Sends `total` bytes as fast as the channel takes them and consumes what comes back.
class Pump : public Recorder {
 public:
  explicit Pump(size_t total) : total_(total) {}
  void Start(Stream* stream) {
    stream_ = stream;
    Fill();
  }
  void OnMessage(const GuestMessage& message, size_t payload_bytes) override {
    received_ += message.stdout().size();
    stream_->Consumed(payload_bytes);
  }
  void OnWritable() override { Fill(); }
  size_t received() const { return received_; }

 private:
  void Fill() {
    while (sent_ < total_) {
      sent_ += 64 * 1024;
      if (!stream_->Send(Stdin(std::string(64 * 1024, 'p')))) return;
    }
    HostMessage eof;
    eof.set_eof(true);
    stream_->Send(eof);
  }

  const size_t total_;
  size_t sent_ = 0;
  std::atomic<size_t> received_ = 0;
  Stream* stream_ = nullptr;
};

TEST(ChannelTest, AnotherStreamAnswersWhileAPumpRuns) {
  constexpr size_t kTotal = 200 * 1024 * 1024;
  FakeGuest guest(Echo);
  const auto channel = ConnectTo(guest);
  auto pump = std::make_shared<Pump>(kTotal);
  const auto big = channel->Open({}, pump);
  pump->Start(big.get());

  int answered = 0;
  absl::Duration slowest;
  while (pump->received() < kTotal && answered < 1000) {
    auto recorder = std::make_shared<Recorder>();
    const absl::Time start = absl::Now();
    const auto small = channel->Open({}, recorder);
    HostMessage eof;
    eof.set_eof(true);
    small->Send(Stdin("ping"));
    small->Send(eof);
    ASSERT_TRUE(recorder->End().ok());
    EXPECT_EQ(recorder->stdout_, "ping");
    slowest = std::max(slowest, absl::Now() - start);
    ++answered;
  }
  EXPECT_TRUE(pump->End().ok());
  EXPECT_EQ(pump->received(), kTotal);
  EXPECT_GT(answered, 10);
  EXPECT_LT(slowest, absl::Seconds(2));
}

TEST(ChannelTest, NoCallOfTheObserverAfterCloseReturned) {
  std::atomic<bool> stop = false;
  std::mutex mutex;
  std::vector<std::thread> writers;
  FakeGuest guest([&](FakeGuest& self, const Frame& frame) {
    if (frame.type != FrameType::kOpen) return;
    const std::lock_guard lock(mutex);
    writers.emplace_back([&self, &stop, id = frame.stream] {
      for (int i = 0; i < 10'000 && !stop; ++i) self.WriteStdout(id, "more");
    });
  });
  class Guarded : public StreamObserver {
   public:
    void OnMessage(const GuestMessage&, size_t) override {
      EXPECT_FALSE(closed);
      ++calls;
    }
    void OnEnd(const absl::Status&) override { ADD_FAILURE() << "ended after Close"; }
    std::atomic<bool> closed = false;
    std::atomic<int> calls = 0;
  };
  const auto channel = ConnectTo(guest);
  auto observer = std::make_shared<Guarded>();
  const auto stream = channel->Open({}, observer);
  while (observer->calls < 10) std::this_thread::yield();
  stream->Close();
  observer->closed = true;
  EXPECT_EQ(observer.use_count(), 1);
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  stop = true;
  guest.HangUp();
  for (int i = 0; i < 1000 && !channel->closed(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  const std::lock_guard lock(mutex);
  for (std::thread& writer : writers) writer.join();
}

TEST(ChannelTest, CloseFromWithinACallDoesNotHang) {
  FakeGuest guest([](FakeGuest& self, const Frame& frame) {
    if (frame.type != FrameType::kOpen) return;
    for (int i = 0; i < 3; ++i) self.WriteStdout(frame.stream, "x");
  });
  class Closer : public StreamObserver {
   public:
    void OnMessage(const GuestMessage&, size_t) override {
      ++calls;
      const std::lock_guard lock(mutex);
      stream->Close();
    }
    void OnEnd(const absl::Status&) override { ++calls; }
    std::mutex mutex;
    std::shared_ptr<Stream> stream;
    std::atomic<int> calls = 0;
  };
  auto channel = ConnectTo(guest);
  auto observer = std::make_shared<Closer>();
  {
    const std::lock_guard lock(observer->mutex);
    observer->stream = channel->Open({}, observer);
  }
  while (observer->calls == 0) std::this_thread::yield();
  channel.reset();
  EXPECT_EQ(observer->calls, 1);
}

TEST(ChannelTest, DestructionEndsStreamsAndHandlesOutliveIt) {
  FakeGuest guest([](FakeGuest&, const Frame&) {});
  auto channel = ConnectTo(guest);
  auto recorder = std::make_shared<Recorder>();
  const auto stream = channel->Open({}, recorder);
  channel.reset();
  EXPECT_EQ(recorder->End().code(), absl::StatusCode::kUnavailable);
  stream->Send(Stdin("x"));
  stream->Consumed(kInitialWindow);
  stream->Close();
}

}  // namespace
}  // namespace wslm::runtime::v1
