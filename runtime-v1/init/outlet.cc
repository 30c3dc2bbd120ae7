#include "runtime-v1/init/outlet.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>

#include "wslm/runtime/v1/frames.h"

namespace wslm::init {

Outlet::Outlet(int source, Target target) : source_(source), target_(target), replay_(proto::kReplayBytes) {}

size_t Outlet::ReadLimit(const HostStream* listener, bool overwrite) const {
  constexpr size_t kMost = proto::kMaxChunk;
  if (closed()) return 0;
  if (target_ == Target::kNowhere) return kMost;
  if (listener != nullptr) {
    const bool little_waits = replay_.end() - sent_ < static_cast<int64_t>(kMost);
    return little_waits && listener->room() > 0 ? kMost : 0;
  }
  if (overwrite) return kMost;
  const int64_t free = static_cast<int64_t>(proto::kReplayBytes) - (replay_.end() - received_);
  return std::min<size_t>(kMost, static_cast<size_t>(std::max<int64_t>(free, 0)));
}

bool Outlet::WantsRead(const HostStream* listener, bool overwrite) const { return ReadLimit(listener, overwrite) > 0; }

void Outlet::Read(const HostStream* listener, bool overwrite) {
  size_t limit = ReadLimit(listener, overwrite);
  if (left_ >= 0) limit = std::min(limit, static_cast<size_t>(left_));
  if (limit == 0) return;
  char buffer[proto::kMaxChunk];
  const ssize_t got = ::read(source_, buffer, limit);
  if (got < 0 && errno == EINTR) return;
  if (got < 0 && errno == EAGAIN) {
    if (left_ >= 0) source_ = -1;
    return;
  }
  // EIO: nobody holds the terminal's other side.
  if (got <= 0) {
    source_ = -1;
    return;
  }
  if (target_ != Target::kNowhere) replay_.Append(std::string_view(buffer, static_cast<size_t>(got)));
  if (target_ == Target::kNowhere) return;
  sent_ = std::max(sent_, replay_.begin());
  if (left_ >= 0 && (left_ -= got) <= 0) source_ = -1;
}

void Outlet::CloseWhenDrained() {
  if (closed() || left_ >= 0) return;
  int waiting = 0;
  if (target_ == Target::kNowhere || ::ioctl(source_, FIONREAD, &waiting) < 0 || waiting <= 0) {
    source_ = -1;
  } else {
    left_ = waiting;
  }
}

void Outlet::Send(HostStream& listener) {
  while (sent_ < replay_.end()) {
    const size_t room = listener.room();
    if (room == 0) return;
    const std::string_view bytes = replay_.At(sent_, room);
    proto::GuestMessage message;
    if (target_ == Target::kStderr) {
      message.set_stderr(std::string(bytes));
    } else {
      message.set_stdout(std::string(bytes));
    }
    listener.Send(message);
    sent_ += static_cast<int64_t>(bytes.size());
  }
}

void Outlet::Detach(const HostStream& listener) {
  const size_t perhaps_lost = listener.in_flight() + proto::kClientLag;
  received_ = std::max(replay_.begin(), sent_ - static_cast<int64_t>(perhaps_lost));
}

int64_t Outlet::Attach(int64_t offset) {
  sent_ = std::clamp(offset, replay_.begin(), replay_.end());
  received_ = sent_;
  return sent_;
}

}  // namespace wslm::init
