#include "runtime-v1/init/host_connection.h"

#include <poll.h>
#include <sys/epoll.h>

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

namespace wslm::init {
namespace {

using proto::Frame;
using proto::FrameType;

// Output is not made while more than this waits for the host, so that what is urgent is not far behind.
constexpr size_t kFullBacklog = 2 * proto::kMaxPayload;
// Below this much credit nothing is sent: the host gives it back in larger pieces anyway.
constexpr size_t kLeastRoom = 4096;
// What a message's fields cost beside the data.
constexpr size_t kOverhead = 16;
constexpr uint32_t kWindowStep = proto::kInitialWindow / 4;
constexpr int kDrainMilliseconds = 1000;

}  // namespace

class HostConnection::Stream : public HostStream {
 public:
  Stream(HostConnection& connection, uint32_t id) : connection_(&connection), id_(id) {}

  size_t room() const override {
    if (connection_ == nullptr) return 0;
    if (connection_->link_->backlog() >= kFullBacklog) {
      connection_->congested_ = true;
      return 0;
    }
    return credit_ < kLeastRoom ? 0 : std::min<size_t>(credit_ - kOverhead, proto::kMaxChunk);
  }
  size_t in_flight() const override { return credit_ < proto::kInitialWindow ? proto::kInitialWindow - credit_ : 0; }
  void Send(const proto::GuestMessage& message) override {
    if (connection_ == nullptr) return;
    const std::string payload = message.SerializeAsString();
    credit_ -= std::min<uint32_t>(credit_, static_cast<uint32_t>(payload.size()));
    connection_->link_->Queue(FrameType::kData, 0, id_, payload);
  }
  void SendFree(const proto::GuestMessage& message) override {
    if (connection_ == nullptr) return;
    connection_->link_->Queue(FrameType::kData, proto::kFlagNoCredit, id_, message.SerializeAsString());
  }
  void GiveCredit(size_t bytes) override {
    owed_ += static_cast<uint32_t>(bytes);
    if (connection_ == nullptr || owed_ < kWindowStep) return;
    connection_->link_->Queue(FrameType::kWindow, 0, id_, proto::WindowPayload(owed_));
    owed_ = 0;
  }
  void End(const proto::StreamEnd& end) override {
    if (connection_ == nullptr) return;
    connection_->link_->Queue(FrameType::kStatus, 0, id_, end.SerializeAsString());
    HostConnection* connection = std::exchange(connection_, nullptr);
    handler_.reset();
    connection->streams_.erase(id_);
  }

  void AddCredit(uint32_t bytes) { credit_ = bytes > UINT32_MAX - credit_ ? UINT32_MAX : credit_ + bytes; }
  void set_handler(std::shared_ptr<StreamHandler> handler) { handler_ = std::move(handler); }
  std::shared_ptr<StreamHandler> handler() const { return handler_; }
  void Detach() {
    connection_ = nullptr;
    if (const std::shared_ptr<StreamHandler> handler = std::exchange(handler_, nullptr)) handler->OnGone();
  }

 private:
  // Null once the stream ended.
  HostConnection* connection_;
  const uint32_t id_;
  uint32_t credit_ = proto::kInitialWindow;
  uint32_t owed_ = 0;
  std::shared_ptr<StreamHandler> handler_;
};

HostConnection::HostConnection(EventLoop& loop, std::string distro_id, Callbacks callbacks)
    : loop_(loop), distro_id_(std::move(distro_id)), callbacks_(std::move(callbacks)) {}

HostConnection::~HostConnection() {
  if (link_) loop_.Forget(link_->fd());
  for (const auto& [id, stream] : std::exchange(streams_, {})) stream->Detach();
}

void HostConnection::Adopt(UniqueFd fd) {
  if (link_) {
    loop_.Forget(link_->fd());
    DropStreams();
  }
  greeted_ = false;
  link_ = std::make_unique<proto::FrameLink>(std::move(fd));
  loop_.Watch(link_->fd(), EPOLLIN, [this](uint32_t events) { OnEvents(events); });
}

void HostConnection::OnEvents(uint32_t events) {
  if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) == 0) return;
  const bool alive = link_->Read() != proto::FrameLink::ReadResult::kEnd;
  const proto::FrameLink* link = link_.get();
  Frame frame;
  while (link_.get() == link && link_->Next(frame)) OnFrame(frame);
  if (link_.get() == link && (!alive || link_->corrupt())) Close();
}

void HostConnection::OnFrame(const Frame& frame) {
  if (frame.type == FrameType::kHello) return OnHello(frame);
  if (!greeted_) return;
  if (frame.type == FrameType::kOpen) return OnOpen(frame);
  const auto found = streams_.find(frame.stream);
  // Ended here while the host's frame was under way.
  if (found == streams_.end()) return;
  const std::shared_ptr<Stream> stream = found->second;
  const std::shared_ptr<StreamHandler> handler = stream->handler();
  switch (frame.type) {
    case FrameType::kData: {
      proto::HostMessage message;
      if (!message.ParseFromString(frame.payload)) {
        stream->End(Failure(Code::kInvalidArgument, "INTERNAL", "A message of the stream could not be understood."));
        if (handler) handler->OnGone();
        return;
      }
      const size_t cost = (frame.flags & proto::kFlagNoCredit) != 0 ? 0 : frame.payload.size();
      if (handler) handler->OnMessage(message, cost);
      return;
    }
    case FrameType::kHalfClose: {
      proto::HostMessage message;
      message.set_eof(true);
      if (handler) handler->OnMessage(message, 0);
      return;
    }
    case FrameType::kWindow:
      stream->AddCredit(proto::ParseWindowPayload(frame.payload).value_or(0));
      if (handler) handler->OnWritable();
      return;
    case FrameType::kStatus:
      streams_.erase(frame.stream);
      stream->Detach();
      return;
    default:
      return;
  }
}

void HostConnection::OnHello(const Frame& frame) {
  proto::Hello hello;
  if (!hello.ParseFromString(frame.payload)) return;
  DropStreams();
  greeted_ = true;
  link_->set_resync(false);
  proto::HelloAck ack;
  ack.set_nonce(hello.nonce());
  ack.set_revision(proto::kRevision);
  ack.set_role(proto::PEER_ROLE_INIT);
  ack.add_distro_ids(distro_id_);
  link_->Queue(FrameType::kHelloAck, 0, 0, ack.SerializeAsString());
}

void HostConnection::OnOpen(const Frame& frame) {
  if (streams_.count(frame.stream) > 0) return;
  auto stream = std::make_shared<Stream>(*this, frame.stream);
  streams_[frame.stream] = stream;
  proto::OpenRequest request;
  if (!request.ParseFromString(frame.payload)) {
    stream->End(Failure(Code::kInvalidArgument, "INTERNAL", "The request could not be understood."));
    return;
  }
  std::shared_ptr<StreamHandler> handler = callbacks_.open(request, stream);
  const auto found = streams_.find(frame.stream);
  if (found != streams_.end() && found->second == stream) stream->set_handler(std::move(handler));
}

void HostConnection::TellWritable() {
  congested_ = false;
  std::vector<std::shared_ptr<StreamHandler>> handlers;
  for (const auto& [id, stream] : streams_) {
    if (stream->handler()) handlers.push_back(stream->handler());
  }
  for (const auto& handler : handlers) handler->OnWritable();
}

void HostConnection::Flush() {
  while (link_) {
    if (!link_->Flush()) return Close();
    if (!congested_ || link_->backlog() >= kFullBacklog) break;
    TellWritable();
    if (link_ && link_->backlog() == 0) break;
  }
  if (link_) loop_.Change(link_->fd(), EPOLLIN | (link_->backlog() > 0 ? uint32_t{EPOLLOUT} : 0));
}

void HostConnection::Drain() {
  const auto end = EventLoop::Clock::now() + std::chrono::milliseconds(kDrainMilliseconds);
  while (link_ && link_->Flush() && link_->backlog() > 0 && EventLoop::Clock::now() < end) {
    pollfd wait = {.fd = link_->fd(), .events = POLLOUT};
    ::poll(&wait, 1, kDrainMilliseconds);
  }
}

void HostConnection::DropStreams() {
  for (const auto& [id, stream] : std::exchange(streams_, {})) stream->Detach();
}

void HostConnection::Close() {
  loop_.Forget(link_->fd());
  DropStreams();
  link_.reset();
  callbacks_.closed();
}

}  // namespace wslm::init
