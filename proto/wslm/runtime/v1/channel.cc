#include "wslm/runtime/v1/channel.h"

#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <csignal>
#include <deque>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include "distros/host/error.h"
#include "wslm/runtime/v1/frames.h"
#include "wslm/runtime/v1/handshake.h"

namespace wslm::runtime::v1 {
namespace {

// Frames are made from the backlogs only while less than this waits for the socket, so that what is queued later (a
// signal, another stream) is at most this far behind.
constexpr size_t kOutputTarget = 2 * kMaxPayload;
constexpr size_t kReadSize = 256 * 1024;
// Credit is given back in pieces of this size: a WINDOW frame per chunk would double the frames.
constexpr uint32_t kWindowStep = kInitialWindow / 4;

absl::Status ConnectionEnded() {
  return Error(absl::StatusCode::kUnavailable, reason::kRuntimeDied, "The connection to the distro ended.");
}

absl::Status StatusOf(const StreamEnd& end) {
  if (end.code() == 0) return absl::OkStatus();
  const auto code = static_cast<absl::StatusCode>(end.code());
  if (end.reason().empty()) return absl::Status(code, end.message());
  return Error(code, end.reason(), end.message());
}

// All fields are guarded by Core::mutex_.
struct StreamState {
  uint32_t id = 0;
  // Null once the stream ended or was closed.
  std::shared_ptr<StreamObserver> observer;
  // The channel's thread is in a call of the observer.
  bool in_call = false;
  // Serialised messages that wait for credit, the front one first.
  struct Pending {
    std::string payload;
    uint8_t flags;
  };
  std::deque<Pending> pending;
  size_t pending_bytes = 0;
  uint32_t credit = kInitialWindow;
  // In Core::ready_.
  bool ready = false;
  // Send answered false; OnWritable is owed.
  bool full = false;
  // Payload bytes consumed and not yet told to the peer.
  uint32_t consumed = 0;
  // Payload bytes that the peer may still send.
  uint32_t window = kInitialWindow;
};

// Shared by the channel, its streams' handles and its thread.
class Core : public std::enable_shared_from_this<Core> {
 public:
  Core(UniqueFd socket, UniqueFd epoll, UniqueFd wake, FrameParser parser)
      : socket_(std::move(socket)), epoll_(std::move(epoll)), wake_(std::move(wake)), parser_(std::move(parser)) {}

  // The thread's whole life: until Stop.
  void Run();
  void Stop();
  bool OnThread() const { return std::this_thread::get_id() == thread_id_.load(); }
  bool closed() const { return closed_.load(); }
  void OnClosed(std::function<void()> callback);

  std::shared_ptr<StreamState> Open(const OpenRequest& request, std::shared_ptr<StreamObserver> observer);
  bool Send(StreamState& stream, const HostMessage& message);
  void Consumed(StreamState& stream, size_t bytes);
  void Close(StreamState& stream);

 private:
  // With mutex_ held.
  void Enqueue(StreamState& stream, std::string payload, uint8_t flags);
  void MakeReady(StreamState& stream);
  void FillOutput(std::vector<std::shared_ptr<StreamState>>& writable);
  void Wake();

  // On the thread, without mutex_.
  bool ReadSocket();
  bool HandleFrame(const Frame& frame);
  bool WriteSocket();
  // Ends all streams; the socket is closed.
  void EndAll();
  template <typename Call>
  void Deliver(StreamState& stream, const Call& call);
  void End(const std::shared_ptr<StreamState>& stream, const absl::Status& status);

  UniqueFd socket_;
  const UniqueFd epoll_;
  const UniqueFd wake_;
  std::atomic<std::thread::id> thread_id_;
  std::atomic<bool> closed_ = false;

  // The thread's own.
  FrameParser parser_;
  std::string read_buffer_;
  std::string writing_;
  size_t written_ = 0;
  bool wants_write_ = false;

  std::mutex mutex_;
  std::condition_variable call_ended_;
  bool stop_ = false;
  bool woken_ = false;
  uint32_t next_id_ = 1;
  std::unordered_map<uint32_t, std::shared_ptr<StreamState>> streams_;
  // Whole frames that need no credit, in order.
  std::string control_;
  // Streams whose front message may be sent, in turn.
  std::deque<uint32_t> ready_;
  std::vector<std::function<void()>> on_closed_;
};

void Core::Wake() {
  if (OnThread() || woken_) return;
  woken_ = true;
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(wake_.get(), &one, sizeof(one));
}

void Core::Stop() {
  const std::lock_guard lock(mutex_);
  stop_ = true;
  Wake();
}

void Core::OnClosed(std::function<void()> callback) {
  {
    const std::lock_guard lock(mutex_);
    if (!closed_) {
      on_closed_.push_back(std::move(callback));
      return;
    }
  }
  callback();
}

std::shared_ptr<StreamState> Core::Open(const OpenRequest& request, std::shared_ptr<StreamObserver> observer) {
  auto stream = std::make_shared<StreamState>();
  stream->observer = std::move(observer);
  const std::lock_guard lock(mutex_);
  stream->id = next_id_++;
  streams_[stream->id] = stream;
  // On a channel that has ended the thread sees the stream at its next turn and ends it.
  if (!closed_) AppendFrame(FrameType::kOpen, 0, stream->id, request.SerializeAsString(), control_);
  Wake();
  return stream;
}

bool Core::Send(StreamState& stream, const HostMessage& message) {
  const std::lock_guard lock(mutex_);
  if (!stream.observer || closed_) return true;
  switch (message.message_case()) {
    case HostMessage::kResize:
    case HostMessage::kSignal:
      AppendFrame(FrameType::kData, kFlagNoCredit, stream.id, message.SerializeAsString(), control_);
      break;
    case HostMessage::kStdin: {
      const std::string& bytes = message.stdin();
      for (size_t at = 0; at < bytes.size(); at += kMaxChunk) {
        HostMessage chunk;
        chunk.set_stdin(bytes.substr(at, kMaxChunk));
        Enqueue(stream, chunk.SerializeAsString(), 0);
      }
      break;
    }
    case HostMessage::kEof:
      // After all stdin, but without a need for credit.
      Enqueue(stream, message.SerializeAsString(), kFlagNoCredit);
      break;
    case HostMessage::MESSAGE_NOT_SET:
      break;
  }
  Wake();
  if (stream.pending_bytes >= kInitialWindow) stream.full = true;
  return !stream.full;
}

void Core::Enqueue(StreamState& stream, std::string payload, uint8_t flags) {
  stream.pending_bytes += payload.size();
  stream.pending.push_back({std::move(payload), flags});
  MakeReady(stream);
}

void Core::MakeReady(StreamState& stream) {
  if (stream.ready || stream.pending.empty()) return;
  const StreamState::Pending& front = stream.pending.front();
  if ((front.flags & kFlagNoCredit) == 0 && front.payload.size() > stream.credit) return;
  stream.ready = true;
  ready_.push_back(stream.id);
}

void Core::Consumed(StreamState& stream, size_t bytes) {
  const std::lock_guard lock(mutex_);
  if (!stream.observer || closed_) return;
  stream.consumed += static_cast<uint32_t>(bytes);
  if (stream.consumed < kWindowStep) return;
  AppendFrame(FrameType::kWindow, 0, stream.id, WindowPayload(stream.consumed), control_);
  stream.window += stream.consumed;
  stream.consumed = 0;
  Wake();
}

void Core::Close(StreamState& stream) {
  std::shared_ptr<StreamObserver> released;
  std::unique_lock lock(mutex_);
  if (stream.observer) {
    released = std::move(stream.observer);
    streams_.erase(stream.id);
    if (!closed_) {
      AppendFrame(FrameType::kStatus, 0, stream.id, StreamEnd().SerializeAsString(), control_);
      Wake();
    }
  }
  if (!OnThread()) call_ended_.wait(lock, [&] { return !stream.in_call; });
}

template <typename Call>
void Core::Deliver(StreamState& stream, const Call& call) {
  std::shared_ptr<StreamObserver> observer;
  {
    const std::lock_guard lock(mutex_);
    if (!stream.observer) return;
    observer = stream.observer;
    stream.in_call = true;
  }
  call(*observer);
  // Before Close may return: what it waits for is that nothing here uses the observer.
  observer.reset();
  const std::lock_guard lock(mutex_);
  stream.in_call = false;
  call_ended_.notify_all();
}

void Core::End(const std::shared_ptr<StreamState>& stream, const absl::Status& status) {
  {
    const std::lock_guard lock(mutex_);
    streams_.erase(stream->id);
  }
  Deliver(*stream, [&](StreamObserver& observer) { observer.OnEnd(status); });
  std::shared_ptr<StreamObserver> released;
  const std::lock_guard lock(mutex_);
  released.swap(stream->observer);
}

bool Core::HandleFrame(const Frame& frame) {
  std::shared_ptr<StreamState> stream;
  {
    const std::lock_guard lock(mutex_);
    const auto found = streams_.find(frame.stream);
    // Closed here while the peer's frame was under way.
    if (found == streams_.end()) return true;
    stream = found->second;
  }
  switch (frame.type) {
    case FrameType::kData: {
      GuestMessage message;
      if (!message.ParseFromString(frame.payload)) return false;
      const bool is_free = (frame.flags & kFlagNoCredit) != 0;
      const size_t cost = is_free ? 0 : frame.payload.size();
      // A guest that sends more than it may would fill the host's memory.
      if (is_free && (message.has_stdout() || message.has_stderr())) return false;
      {
        const std::lock_guard lock(mutex_);
        if (cost > stream->window) return false;
        stream->window -= static_cast<uint32_t>(cost);
      }
      Deliver(*stream, [&](StreamObserver& observer) { observer.OnMessage(message, cost); });
      return true;
    }
    case FrameType::kWindow: {
      const std::optional<uint32_t> bytes = ParseWindowPayload(frame.payload);
      if (!bytes) return false;
      const std::lock_guard lock(mutex_);
      // A peer that gives more than it can mean must not make the credit wrap.
      stream->credit = *bytes > UINT32_MAX - stream->credit ? UINT32_MAX : stream->credit + *bytes;
      MakeReady(*stream);
      return true;
    }
    case FrameType::kStatus: {
      StreamEnd end;
      if (!end.ParseFromString(frame.payload)) return false;
      End(stream, StatusOf(end));
      return true;
    }
    default:
      return false;
  }
}

bool Core::ReadSocket() {
  read_buffer_.resize(kReadSize);
  const ssize_t got = ::recv(socket_.get(), read_buffer_.data(), read_buffer_.size(), MSG_DONTWAIT);
  if (got < 0) return errno == EAGAIN || errno == EINTR;
  if (got == 0) return false;
  parser_.Feed(std::string_view(read_buffer_.data(), static_cast<size_t>(got)));
  Frame frame;
  while (true) {
    switch (parser_.Next(frame)) {
      case FrameParser::Result::kNeedMore:
        return true;
      case FrameParser::Result::kCorrupt:
        return false;
      case FrameParser::Result::kFrame:
        if (!HandleFrame(frame)) return false;
    }
  }
}

void Core::FillOutput(std::vector<std::shared_ptr<StreamState>>& writable) {
  writing_.append(control_);
  control_.clear();
  while (writing_.size() < kOutputTarget && !ready_.empty()) {
    const uint32_t id = ready_.front();
    ready_.pop_front();
    const auto found = streams_.find(id);
    if (found == streams_.end()) continue;
    StreamState& stream = *found->second;
    const StreamState::Pending& front = stream.pending.front();
    AppendFrame(FrameType::kData, front.flags, id, front.payload, writing_);
    if ((front.flags & kFlagNoCredit) == 0) stream.credit -= static_cast<uint32_t>(front.payload.size());
    stream.pending_bytes -= front.payload.size();
    stream.pending.pop_front();
    stream.ready = false;
    MakeReady(stream);
    if (stream.full && stream.pending_bytes < kInitialWindow) {
      stream.full = false;
      writable.push_back(found->second);
    }
  }
}

bool Core::WriteSocket() {
  while (true) {
    if (written_ == writing_.size()) {
      writing_.clear();
      written_ = 0;
      std::vector<std::shared_ptr<StreamState>> writable;
      {
        const std::lock_guard lock(mutex_);
        FillOutput(writable);
      }
      for (const auto& stream : writable) {
        Deliver(*stream, [](StreamObserver& observer) { observer.OnWritable(); });
      }
      if (writing_.empty()) break;
    }
    const ssize_t sent =
        ::send(socket_.get(), writing_.data() + written_, writing_.size() - written_, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && errno == EAGAIN) break;
    if (sent < 0) return false;
    written_ += static_cast<size_t>(sent);
  }
  const bool wants_write = written_ < writing_.size();
  if (wants_write != wants_write_) {
    wants_write_ = wants_write;
    epoll_event event = {.events = EPOLLIN | (wants_write ? uint32_t{EPOLLOUT} : 0)};
    event.data.fd = socket_.get();
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, socket_.get(), &event);
  }
  return true;
}

void Core::EndAll() {
  socket_.Reset();
  std::vector<std::function<void()>> callbacks;
  std::unordered_map<uint32_t, std::shared_ptr<StreamState>> streams;
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    control_.clear();
    ready_.clear();
    streams.swap(streams_);
    if (!stop_) callbacks.swap(on_closed_);
  }
  for (const auto& [id, stream] : streams) End(stream, ConnectionEnded());
  for (const auto& callback : callbacks) callback();
}

void Core::Run() {
  thread_id_ = std::this_thread::get_id();
  // Frames may have come together with HELLO_ACK.
  Frame frame;
  bool alive = true;
  FrameParser::Result result;
  while (alive && (result = parser_.Next(frame)) != FrameParser::Result::kNeedMore) {
    alive = result == FrameParser::Result::kFrame && HandleFrame(frame);
  }
  while (true) {
    if (alive) alive = WriteSocket();
    if (!alive) EndAll();
    {
      const std::lock_guard lock(mutex_);
      if (stop_) break;
      // What was opened from within EndAll's calls is ended in another turn.
      if (!alive && !streams_.empty()) continue;
    }
    epoll_event events[2];
    const int count = ::epoll_wait(epoll_.get(), events, 2, -1);
    for (int i = 0; i < count; ++i) {
      if (events[i].data.fd == wake_.get()) {
        uint64_t posts;
        [[maybe_unused]] const ssize_t got = ::read(wake_.get(), &posts, sizeof(posts));
        const std::lock_guard lock(mutex_);
        woken_ = false;
      } else if (alive && (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) {
        alive = ReadSocket();
      }
    }
  }
  EndAll();
}

class StreamHandle : public Stream {
 public:
  StreamHandle(std::shared_ptr<Core> core, std::shared_ptr<StreamState> state)
      : core_(std::move(core)), state_(std::move(state)) {}
  ~StreamHandle() override { core_->Close(*state_); }

  bool Send(const HostMessage& message) override { return core_->Send(*state_, message); }
  void Consumed(size_t payload_bytes) override { core_->Consumed(*state_, payload_bytes); }
  void Close() override { core_->Close(*state_); }

 private:
  const std::shared_ptr<Core> core_;
  const std::shared_ptr<StreamState> state_;
};

// Waits for the one answer of Channel::Call.
class CallObserver : public StreamObserver {
 public:
  void OnMessage(const GuestMessage& message, size_t) override {
    const std::lock_guard lock(mutex_);
    message_ = message;
  }
  void OnEnd(const absl::Status& status) override {
    const std::lock_guard lock(mutex_);
    end_ = status;
    ended_.notify_all();
  }
  absl::StatusOr<GuestMessage> Wait(absl::Duration timeout) {
    std::unique_lock lock(mutex_);
    const auto ended = [this] { return end_.has_value(); };
    if (timeout == absl::InfiniteDuration()) {
      ended_.wait(lock, ended);
    } else if (!ended_.wait_for(lock, absl::ToChronoNanoseconds(timeout), ended)) {
      return Error(absl::StatusCode::kDeadlineExceeded, reason::kInternal,
                   "The distro did not answer within " + absl::FormatDuration(timeout) + ".");
    }
    if (!end_->ok()) return *end_;
    return message_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable ended_;
  GuestMessage message_;
  std::optional<absl::Status> end_;
};

class ChannelImpl : public Channel {
 public:
  ChannelImpl(std::shared_ptr<Core> core, HelloAck peer) : core_(std::move(core)), peer_(std::move(peer)) {
    // Signals are for the program's own threads.
    sigset_t all;
    sigset_t before;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before);
    thread_ = std::thread([core = core_] { core->Run(); });
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    ::pthread_setname_np(thread_.native_handle(), "wslm-channel");
  }
  ~ChannelImpl() override {
    core_->Stop();
    if (core_->OnThread()) {
      // The last owner let go within OnClosed: the thread holds the core and ends by itself.
      thread_.detach();
    } else {
      thread_.join();
    }
  }

  const HelloAck& peer() const override { return peer_; }
  std::shared_ptr<Stream> Open(const OpenRequest& request, std::shared_ptr<StreamObserver> observer) override {
    return std::make_shared<StreamHandle>(core_, core_->Open(request, std::move(observer)));
  }
  absl::StatusOr<GuestMessage> Call(const OpenRequest& request, absl::Duration timeout) override {
    auto observer = std::make_shared<CallObserver>();
    const auto stream = Open(request, observer);
    return observer->Wait(timeout);
  }
  void OnClosed(std::function<void()> callback) override { core_->OnClosed(std::move(callback)); }
  bool closed() const override { return core_->closed(); }

 private:
  const std::shared_ptr<Core> core_;
  const HelloAck peer_;
  std::thread thread_;
};

}  // namespace

absl::StatusOr<std::shared_ptr<Channel>> Channel::Connect(UniqueFd socket, const Options& options) {
  FrameParser parser;
  absl::StatusOr<HelloAck> ack = SayHello(socket.get(), options, parser);
  if (!ack.ok()) return ack.status();
  UniqueFd epoll(::epoll_create1(EPOLL_CLOEXEC));
  UniqueFd wake(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!epoll || !wake) return ErrnoError("cannot watch the connection to the distro", "");
  for (const int fd : {socket.get(), wake.get()}) {
    epoll_event event = {.events = EPOLLIN};
    event.data.fd = fd;
    if (::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, fd, &event) < 0) {
      return ErrnoError("cannot watch the connection to the distro", "");
    }
  }
  return std::make_shared<ChannelImpl>(
      std::make_shared<Core>(std::move(socket), std::move(epoll), std::move(wake), std::move(parser)), *std::move(ack));
}

}  // namespace wslm::runtime::v1
