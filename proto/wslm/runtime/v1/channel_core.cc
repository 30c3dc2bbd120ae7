#include "wslm/runtime/v1/channel_core.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <optional>
#include <utility>

#include "distros/host/error.h"

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

absl::Status ProtocolBroken() {
  return Error(absl::StatusCode::kInternal, reason::kInternal,
               "The distro's init sent what it may not; what it was asked for is given up.");
}

absl::Status StatusOf(const StreamEnd& end) {
  if (end.code() == 0) return absl::OkStatus();
  const auto code = static_cast<absl::StatusCode>(end.code());
  if (end.reason().empty()) return absl::Status(code, end.message());
  return Error(code, end.reason(), end.message());
}

}  // namespace

void ChannelCore::Wake() {
  if (OnThread() || woken_) return;
  woken_ = true;
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(wake_.get(), &one, sizeof(one));
}

void ChannelCore::Stop() {
  const std::lock_guard lock(mutex_);
  stop_ = true;
  Wake();
}

void ChannelCore::OnClosed(std::function<void()> callback) {
  {
    const std::lock_guard lock(mutex_);
    if (!closed_) {
      on_closed_.push_back(std::move(callback));
      return;
    }
  }
  callback();
}

std::shared_ptr<StreamState> ChannelCore::Open(const OpenRequest& request, std::shared_ptr<StreamObserver> observer) {
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

bool ChannelCore::Send(StreamState& stream, const HostMessage& message) {
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

void ChannelCore::Enqueue(StreamState& stream, std::string payload, uint8_t flags) {
  stream.pending_bytes += payload.size();
  stream.pending.push_back({std::move(payload), flags});
  MakeReady(stream);
}

void ChannelCore::MakeReady(StreamState& stream) {
  if (stream.ready || stream.pending.empty()) return;
  const StreamState::Pending& front = stream.pending.front();
  if ((front.flags & kFlagNoCredit) == 0 && front.payload.size() > stream.credit) return;
  stream.ready = true;
  ready_.push_back(stream.id);
}

void ChannelCore::Consumed(StreamState& stream, size_t bytes) {
  const std::lock_guard lock(mutex_);
  if (!stream.observer || closed_) return;
  stream.consumed += static_cast<uint32_t>(bytes);
  if (stream.consumed < kWindowStep) return;
  AppendFrame(FrameType::kWindow, 0, stream.id, WindowPayload(stream.consumed), control_);
  stream.window += stream.consumed;
  stream.consumed = 0;
  Wake();
}

void ChannelCore::Close(StreamState& stream) {
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
void ChannelCore::Deliver(StreamState& stream, const Call& call) {
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

void ChannelCore::End(const std::shared_ptr<StreamState>& stream, const absl::Status& status) {
  {
    const std::lock_guard lock(mutex_);
    streams_.erase(stream->id);
  }
  Deliver(*stream, [&](StreamObserver& observer) { observer.OnEnd(status); });
  std::shared_ptr<StreamObserver> released;
  const std::lock_guard lock(mutex_);
  released.swap(stream->observer);
}

void ChannelCore::HandleFrame(const Frame& frame) {
  std::shared_ptr<StreamState> stream;
  {
    const std::lock_guard lock(mutex_);
    const auto found = streams_.find(frame.stream);
    // Closed here while the peer's frame was under way.
    if (found == streams_.end()) return;
    stream = found->second;
  }
  switch (frame.type) {
    case FrameType::kData:
      if (TakeData(*stream, frame)) return;
      break;
    case FrameType::kWindow:
      if (TakeWindow(*stream, frame)) return;
      break;
    case FrameType::kStatus:
      if (TakeStatus(stream, frame)) return;
      break;
    default:
      break;
  }
  // The others on this connection may be of other distros.
  {
    const std::lock_guard lock(mutex_);
    AppendFrame(FrameType::kStatus, 0, stream->id, StreamEnd().SerializeAsString(), control_);
  }
  End(stream, ProtocolBroken());
}

bool ChannelCore::TakeData(StreamState& stream, const Frame& frame) {
  GuestMessage message;
  if (!message.ParseFromString(frame.payload)) return false;
  const bool is_free = (frame.flags & kFlagNoCredit) != 0;
  const size_t cost = is_free ? 0 : frame.payload.size();
  // A guest that sends more than it may would fill the host's memory.
  if (is_free && (message.has_stdout() || message.has_stderr())) return false;
  {
    const std::lock_guard lock(mutex_);
    if (cost > stream.window) return false;
    stream.window -= static_cast<uint32_t>(cost);
  }
  Deliver(stream, [&](StreamObserver& observer) { observer.OnMessage(message, cost); });
  return true;
}

bool ChannelCore::TakeWindow(StreamState& stream, const Frame& frame) {
  const std::optional<uint32_t> bytes = ParseWindowPayload(frame.payload);
  if (!bytes) return false;
  const std::lock_guard lock(mutex_);
  // A peer that gives more than it can mean must not make the credit wrap.
  stream.credit = *bytes > UINT32_MAX - stream.credit ? UINT32_MAX : stream.credit + *bytes;
  MakeReady(stream);
  return true;
}

bool ChannelCore::TakeStatus(const std::shared_ptr<StreamState>& stream, const Frame& frame) {
  StreamEnd end;
  if (!end.ParseFromString(frame.payload)) return false;
  End(stream, StatusOf(end));
  return true;
}

bool ChannelCore::ReadSocket() {
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
        HandleFrame(frame);
    }
  }
}

void ChannelCore::FillOutput(std::vector<std::shared_ptr<StreamState>>& writable) {
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

bool ChannelCore::WriteSocket() {
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

void ChannelCore::EndAll() {
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

void ChannelCore::Run() {
  thread_id_ = std::this_thread::get_id();
  // Frames may have come together with HELLO_ACK.
  Frame frame;
  bool alive = true;
  FrameParser::Result result;
  while (alive && (result = parser_.Next(frame)) != FrameParser::Result::kNeedMore) {
    alive = result == FrameParser::Result::kFrame;
    if (alive) HandleFrame(frame);
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

}  // namespace wslm::runtime::v1
