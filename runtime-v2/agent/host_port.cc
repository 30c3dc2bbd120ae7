#include "runtime-v2/agent/host_port.h"

#include <sys/epoll.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace wslm {

using runtime::v1::AppendFrame;
using runtime::v1::Frame;
using runtime::v1::FrameParser;
using runtime::v1::FrameType;
using runtime::v1::kHeaderSize;
using runtime::v1::kMaxPayload;

namespace {

constexpr size_t kCongested = 256 * 1024;

}  // namespace

HostPort::HostPort(EventLoop& loop, UniqueFd port, Handlers handlers)
    : loop_(loop), port_(std::move(port)), handlers_(std::move(handlers)) {
  parser_.set_resync(true);
}

absl::Status HostPort::Begin() {
  const absl::Status status = loop_.Watch(port_.get(), EPOLLIN | EPOLLOUT | EPOLLET, [this](uint32_t) { OnEvent(); });
  // What came before the first edge.
  OnEvent();
  return status;
}

void HostPort::SendHelloAck(const runtime::v1::HelloAck& ack) {
  greeted_ = true;
  // The host looks for the answer behind whatever the port still held; padding ends what looked like a frame in it.
  output_.assign(kMaxPayload + kHeaderSize, '\0');
  written_ = 0;
  Send(FrameType::kHelloAck, 0, 0, ack.SerializeAsString());
}

void HostPort::Send(FrameType type, uint8_t flags, uint32_t stream, std::string_view payload) {
  if (!greeted_) return;
  AppendFrame(type, flags, stream, payload, output_);
  Flush();
}

void HostPort::OnEvent() {
  char buffer[64 * 1024];
  while (true) {
    const ssize_t count = ::read(port_.get(), buffer, sizeof buffer);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) break;
    if (count == 0) {
      Lose();
      break;
    }
    parser_.Feed(std::string_view(buffer, static_cast<size_t>(count)));
    Frame frame;
    while (parser_.Next(frame) == FrameParser::Result::kFrame) {
      runtime::v1::Hello hello;
      if (frame.type == FrameType::kHello && hello.ParseFromString(frame.payload)) {
        handlers_.on_hello(hello);
      } else if (greeted_) {
        handlers_.on_frame(frame);
      }
    }
  }
  Flush();
}

void HostPort::Flush() {
  while (written_ < output_.size()) {
    const ssize_t count = ::write(port_.get(), output_.data() + written_, output_.size() - written_);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
    written_ += static_cast<size_t>(count);
  }
  if (written_ == output_.size()) {
    output_.clear();
    written_ = 0;
  } else if (written_ > kCongested) {
    output_.erase(0, written_);
    written_ = 0;
  }
  const bool was_congested = std::exchange(congested_, output_.size() - written_ > kCongested);
  if (was_congested && !congested_) handlers_.on_drained();
}

void HostPort::Lose() {
  parser_.Reset();
  output_.clear();
  written_ = 0;
  if (std::exchange(congested_, false)) handlers_.on_drained();
  if (std::exchange(greeted_, false)) handlers_.on_lost();
}

}  // namespace wslm
