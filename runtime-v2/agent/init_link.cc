#include "runtime-v2/agent/init_link.h"

#include <sys/epoll.h>

#include <utility>

#include "distros/host/error.h"
#include "wslm/runtime/v1/runtime.pb.h"

namespace wslm {

using runtime::v1::Frame;
using runtime::v1::FrameLink;
using runtime::v1::FrameType;

InitLink::InitLink(EventLoop& loop, UniqueFd socket, Handlers handlers)
    : loop_(loop), link_(std::in_place, std::move(socket)), handlers_(std::move(handlers)) {
  // Unlike a port, the socket never had another peer.
  link_->set_resync(false);
}

InitLink::~InitLink() {
  if (link_) loop_.Forget(link_->fd());
}

absl::Status InitLink::Begin() {
  if (loop_.Watch(link_->fd(), WantedEvents(), [this](uint32_t events) { OnEvent(events); })) return absl::OkStatus();
  return ErrnoError("cannot watch", "socket");
}

void InitLink::SayHello() {
  runtime::v1::Hello hello;
  hello.set_nonce(++nonce_);
  hello.set_revision(runtime::v1::kRevision);
  answered_ = false;
  Send(FrameType::kHello, 0, 0, hello.SerializeAsString());
}

void InitLink::Send(FrameType type, uint8_t flags, uint32_t stream, std::string_view payload) {
  if (!link_) return;
  link_->Queue(type, flags, stream, payload);
  Flush();
}

void InitLink::SetPaused(bool paused) {
  paused_ = paused;
  if (link_) loop_.Change(link_->fd(), WantedEvents());
}

uint32_t InitLink::WantedEvents() const {
  return (paused_ ? 0U : uint32_t{EPOLLIN}) | (backlog() > 0 ? uint32_t{EPOLLOUT} : 0U) | EPOLLRDHUP;
}

void InitLink::OnEvent(uint32_t events) {
  if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR | EPOLLRDHUP)) != 0 && !Read()) return Close();
  Flush();
}

bool InitLink::Read() {
  if (link_->Read() == FrameLink::ReadResult::kEnd) return false;
  Frame frame;
  while (link_->Next(frame)) {
    if (frame.type == FrameType::kHelloAck) {
      runtime::v1::HelloAck ack;
      if (!ack.ParseFromString(frame.payload) || ack.nonce() != nonce_ || answered_) continue;
      answered_ = true;
      handlers_.on_ready();
    } else if (answered_) {
      handlers_.on_frame(frame);
    }
  }
  return !link_->corrupt();
}

void InitLink::Flush() {
  // That init went is read: what it said last still counts.
  link_->Flush();
  loop_.Change(link_->fd(), WantedEvents());
}

void InitLink::Close() {
  loop_.Forget(link_->fd());
  link_.reset();
  handlers_.on_closed();
}

}  // namespace wslm
