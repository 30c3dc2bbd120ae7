#include "cli/session/input_pump.h"

#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <thread>

namespace wslm::cli {
namespace {

constexpr size_t kChunk = 64 << 10;
// How often to look whether another program has given the terminal back.
constexpr int kRecheckMilliseconds = 200;

}  // namespace

std::shared_ptr<InputPump> InputPump::Make(int fd, std::shared_ptr<RawTerminal> terminal) {
  return std::shared_ptr<InputPump>(new InputPump(fd, std::move(terminal)));
}

bool InputPump::Connect(std::shared_ptr<SessionStream> stream, int64_t offset) {
  absl::MutexLock lock(&mutex_);
  std::optional<std::vector<std::string>> resend = history_.From(offset);
  if (!resend.has_value()) return false;
  stream_ = std::move(stream);
  resend_ = *std::move(resend);
  send_eof_ = eof_;
  wake_.Wake();
  if (!running_) {
    running_ = true;
    std::thread([self = shared_from_this()] { Loop(self); }).detach();
  }
  return true;
}

void InputPump::Disconnect() {
  absl::MutexLock lock(&mutex_);
  stream_ = nullptr;
  wake_.Wake();
}

void InputPump::Resize(const v1::TerminalSize& size) {
  absl::MutexLock lock(&mutex_);
  resize_ = size;
  wake_.Wake();
}

void InputPump::Close() {
  absl::MutexLock lock(&mutex_);
  closed_ = true;
  wake_.Wake();
}

std::shared_ptr<SessionStream> InputPump::stream() {
  absl::MutexLock lock(&mutex_);
  return stream_;
}

void InputPump::Broken(const std::shared_ptr<SessionStream>& stream) {
  absl::MutexLock lock(&mutex_);
  if (stream_ == stream) stream_ = nullptr;
}

void InputPump::Loop(const std::shared_ptr<InputPump>& self) {
  while (self->SendPending()) {
    if (self->WaitForInput()) self->ReadAndSend();
  }
}

bool InputPump::SendPending() {
  while (true) {
    std::shared_ptr<SessionStream> stream;
    std::vector<std::string> resend;
    std::optional<v1::TerminalSize> resize;
    bool eof = false;
    {
      absl::MutexLock lock(&mutex_);
      if (closed_) return false;
      if (stream_ == nullptr) return true;
      stream = stream_;
      resend.swap(resend_);
      resize.swap(resize_);
      std::swap(eof, send_eof_);
    }
    if (resend.empty() && !resize.has_value() && !eof) return true;
    bool sent = !resize.has_value() || stream->WriteResize(*resize);
    for (const std::string& bytes : resend) sent = sent && stream->WriteStdin(bytes);
    if (sent && eof) sent = stream->WriteEof();
    if (!sent) Broken(stream);
  }
}

bool InputPump::WaitForInput() {
  bool wanted = false;
  {
    absl::MutexLock lock(&mutex_);
    wanted = stream_ != nullptr && !eof_;
  }
  const bool may_read = terminal_ == nullptr || terminal_->MayRead();
  std::array<pollfd, 2> fds = {{{wake_.fd(), POLLIN, 0}, {wanted && may_read ? fd_ : -1, POLLIN, 0}}};
  poll(fds.data(), fds.size(), wanted && !may_read ? kRecheckMilliseconds : -1);
  if (fds[0].revents != 0) {
    wake_.Clear();
    return false;
  }
  return fds[1].revents != 0;
}

void InputPump::ReadAndSend() {
  std::string bytes(kChunk, '\0');
  const ssize_t got = read(fd_, bytes.data(), bytes.size());
  if (got < 0 && (errno == EINTR || errno == EAGAIN)) return;
  const std::shared_ptr<SessionStream> to = stream();
  if (got <= 0) {
    // A terminal that hung up ends like a file.
    absl::MutexLock lock(&mutex_);
    eof_ = true;
    send_eof_ = true;
    return;
  }
  bytes.resize(static_cast<size_t>(got));
  {
    absl::MutexLock lock(&mutex_);
    history_.Add(bytes);
    // Connected anew meanwhile, and before these bytes were known: they follow what is to be sent again.
    if (stream_ != to) {
      resend_.push_back(std::move(bytes));
      return;
    }
  }
  if (to != nullptr && !to->WriteStdin(bytes)) Broken(to);
}

}  // namespace wslm::cli
