#include "runtime-v2/agent/host_port.h"

#include <sys/epoll.h>

#include <utility>

#include "distros/host/error.h"

namespace wslm {

using runtime::v1::Frame;
using runtime::v1::FrameLink;
using runtime::v1::FrameType;

namespace {

constexpr size_t kCongested = 256 * 1024;
// A port is read by the page. All that is there is read before frames are taken, so that what follows a frame is seen;
// within bounds.
constexpr int kReadsAtOnce = 256;

}  // namespace

HostPort::HostPort(EventLoop& loop, UniqueFd port, Handlers handlers)
    : loop_(loop), link_(std::move(port)), handlers_(std::move(handlers)) {}

absl::Status HostPort::Begin() {
  if (!loop_.Watch(link_.fd(), EPOLLIN | EPOLLOUT | EPOLLET, [this](uint32_t) { OnEvent(); })) {
    return ErrnoError("cannot watch", "control port");
  }
  // What came before the first edge.
  OnEvent();
  return absl::OkStatus();
}

void HostPort::SendHelloAck(const runtime::v1::HelloAck& ack) {
  greeted_ = true;
  link_.Restart();
  Send(FrameType::kHelloAck, 0, 0, ack.SerializeAsString());
}

void HostPort::Send(FrameType type, uint8_t flags, uint32_t stream, std::string_view payload) {
  if (!greeted_) return;
  link_.Queue(type, flags, stream, payload);
  Flush();
}

void HostPort::OnEvent() {
  for (bool more = true; more;) {
    for (int i = 0; more && i < kReadsAtOnce; ++i) more = link_.Read() == FrameLink::ReadResult::kSome;
    Frame frame;
    while (link_.Next(frame)) {
      runtime::v1::Hello hello;
      if (frame.type == FrameType::kHello && hello.ParseFromString(frame.payload)) {
        OnHello(hello);
      } else if (greeted_ && !link_.before_padding()) {
        handlers_.on_frame(frame);
      }
    }
  }
  Flush();
}

void HostPort::OnHello(const runtime::v1::Hello& hello) {
  // Its answer is still on its way out: begun anew each time, it would never come to its end on a slow machine.
  if (greeted_ && hello.nonce() == nonce_ && link_.backlog() > 0) return;
  nonce_ = hello.nonce();
  handlers_.on_hello(hello);
}

void HostPort::Flush() {
  // An error is no hang-up: that the host went is read.
  link_.Flush();
  const bool was_congested = std::exchange(congested_, link_.backlog() > kCongested);
  if (was_congested && !congested_) handlers_.on_drained();
}

}  // namespace wslm
