#include "wslm/runtime/v1/frame_link.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace wslm::runtime::v1 {
namespace {

constexpr size_t kReadSize = 2 * kMaxPayload;
// Written bytes at the front of the queue are given back when they are this many: moving the rest costs.
constexpr size_t kCompactAt = 1024 * 1024;

}  // namespace

FrameLink::FrameLink(UniqueFd fd) : fd_(std::move(fd)) {
  ::fcntl(fd_.get(), F_SETFL, ::fcntl(fd_.get(), F_GETFL) | O_NONBLOCK);
  parser_.set_resync(true);
}

FrameLink::ReadResult FrameLink::Read() {
  input_.resize(kReadSize);
  ssize_t got;
  do {
    got = ::read(fd_.get(), input_.data(), input_.size());
  } while (got < 0 && errno == EINTR);
  if (got < 0 && errno == EAGAIN) return ReadResult::kNothingNow;
  if (got <= 0) return ReadResult::kEnd;
  parser_.Feed(std::string_view(input_.data(), static_cast<size_t>(got)));
  return ReadResult::kSome;
}

bool FrameLink::Next(Frame& frame) {
  const FrameParser::Result result = parser_.Next(frame);
  corrupt_ = result == FrameParser::Result::kCorrupt;
  return result == FrameParser::Result::kFrame;
}

void FrameLink::Queue(FrameType type, uint8_t flags, uint32_t stream, std::string_view payload) {
  AppendFrame(type, flags, stream, payload, output_);
}

bool FrameLink::Flush() {
  while (backlog() > 0) {
    // SIGPIPE is ignored by both programs: a virtio port is no socket, so there is no MSG_NOSIGNAL.
    const ssize_t sent = ::write(fd_.get(), output_.data() + written_, backlog());
    if (sent < 0 && errno == EINTR) continue;
    // A virtio port answers 0 when its queue is full.
    if (sent == 0 || (sent < 0 && errno == EAGAIN)) break;
    if (sent < 0) return false;
    written_ += static_cast<size_t>(sent);
  }
  if (backlog() == 0) {
    output_.clear();
    written_ = 0;
  } else if (written_ >= kCompactAt) {
    output_.erase(0, written_);
    written_ = 0;
  }
  return true;
}

void FrameLink::Restart() {
  output_.assign(kMaxPayload + kHeaderSize, '\0');
  written_ = 0;
}

}  // namespace wslm::runtime::v1
