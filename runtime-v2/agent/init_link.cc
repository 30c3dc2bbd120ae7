#include "runtime-v2/agent/init_link.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "distros/host/error.h"
#include "runtime-v2/agent/log.h"
#include "wslm/runtime/v1/runtime.pb.h"

namespace wslm {

using runtime::v1::Frame;
using runtime::v1::FrameParser;
using runtime::v1::FrameType;

InitLink::InitLink(EventLoop& loop, UniqueFd socket, Handlers handlers)
    : loop_(loop), socket_(std::move(socket)), handlers_(std::move(handlers)) {}

InitLink::~InitLink() {
  if (socket_) loop_.Unwatch(socket_.get());
}

absl::Status InitLink::Begin() {
  if (::fcntl(socket_.get(), F_SETFL, O_NONBLOCK) != 0) return ErrnoError("cannot set", "socket");
  UpdateWatch();
  return absl::OkStatus();
}

void InitLink::SayHello() {
  runtime::v1::Hello hello;
  hello.set_nonce(++nonce_);
  hello.set_revision(runtime::v1::kRevision);
  answered_ = false;
  Send(FrameType::kHello, 0, 0, hello.SerializeAsString());
}

void InitLink::Send(FrameType type, uint8_t flags, uint32_t stream, std::string_view payload) {
  if (!socket_) return;
  runtime::v1::AppendFrame(type, flags, stream, payload, output_);
  Flush();
  UpdateWatch();
}

void InitLink::SetPaused(bool paused) {
  paused_ = paused;
  UpdateWatch();
}

void InitLink::UpdateWatch() {
  if (!socket_) return;
  const uint32_t wanted =
      (paused_ ? 0U : static_cast<uint32_t>(EPOLLIN)) | (backlog() > 0 ? EPOLLOUT : 0U) | EPOLLRDHUP;
  if (std::exchange(watched_, wanted) == wanted) return;
  LogIfError("relay", loop_.Watch(socket_.get(), wanted, [this](uint32_t events) { OnEvent(events); }));
}

void InitLink::OnEvent(uint32_t events) {
  if ((events & EPOLLOUT) != 0) Flush();
  if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR | EPOLLRDHUP)) != 0 && !Read()) {
    Close();
    return;
  }
  UpdateWatch();
}

bool InitLink::Read() {
  char buffer[64 * 1024];
  const ssize_t count = ::read(socket_.get(), buffer, sizeof buffer);
  if (count < 0) return errno == EAGAIN || errno == EINTR;
  if (count == 0) return false;
  parser_.Feed(std::string_view(buffer, static_cast<size_t>(count)));
  Frame frame;
  FrameParser::Result result;
  while ((result = parser_.Next(frame)) == FrameParser::Result::kFrame) {
    if (frame.type == FrameType::kHelloAck) {
      runtime::v1::HelloAck ack;
      if (!ack.ParseFromString(frame.payload) || ack.nonce() != nonce_ || answered_) continue;
      answered_ = true;
      handlers_.on_ready();
    } else if (answered_) {
      handlers_.on_frame(frame);
    }
  }
  return result == FrameParser::Result::kNeedMore;
}

void InitLink::Flush() {
  while (written_ < output_.size()) {
    const ssize_t count =
        ::send(socket_.get(), output_.data() + written_, output_.size() - written_, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
    written_ += static_cast<size_t>(count);
  }
  if (written_ * 2 >= output_.size()) {
    output_.erase(0, written_);
    written_ = 0;
  }
}

void InitLink::Close() {
  loop_.Unwatch(socket_.get());
  socket_.Reset();
  output_.clear();
  written_ = 0;
  handlers_.on_closed();
}

}  // namespace wslm
