#include "wslm/runtime/v1/handshake.h"

#include <poll.h>
#include <sys/random.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <string>

#include "absl/time/clock.h"
#include "distros/host/error.h"

namespace wslm::runtime::v1 {
namespace {

constexpr size_t kEntropyBytes = 64;
constexpr size_t kReadSize = 256 * 1024;
constexpr absl::Duration kRepeat = absl::Milliseconds(500);

absl::Status HungUp() {
  return Error(absl::StatusCode::kUnavailable, reason::kRuntimeDied,
               "The distro's runtime hung up before it answered.");
}

std::string HelloFrame(const Channel::Options& options, uint64_t nonce) {
  Hello hello;
  hello.set_nonce(nonce);
  hello.set_revision(kRevision);
  if (options.seed) {
    hello.set_realtime_ns(absl::GetCurrentTimeNanos());
    std::string entropy(kEntropyBytes, '\0');
    const ssize_t got = ::getrandom(entropy.data(), entropy.size(), 0);
    entropy.resize(got < 0 ? 0 : static_cast<size_t>(got));
    hello.set_entropy(entropy);
  }
  std::string bytes;
  if (options.padding) bytes.assign(kMaxPayload + kHeaderSize, '\0');
  AppendFrame(FrameType::kHello, 0, 0, hello.SerializeAsString(), bytes);
  return bytes;
}

// The answer to `nonce` when it is among what was fed.
std::optional<HelloAck> TakeAck(FrameParser& parser, uint64_t nonce) {
  Frame frame;
  while (parser.Next(frame) == FrameParser::Result::kFrame) {
    HelloAck ack;
    if (frame.type == FrameType::kHelloAck && ack.ParseFromString(frame.payload) && ack.nonce() == nonce) return ack;
  }
  return std::nullopt;
}

}  // namespace

absl::StatusOr<HelloAck> SayHello(int socket, const Channel::Options& options, FrameParser& parser) {
  uint64_t nonce = 0;
  if (::getrandom(&nonce, sizeof(nonce), 0) != sizeof(nonce)) return ErrnoError("cannot get random bytes", "");
  const absl::Time deadline = absl::Now() + options.hello_timeout;
  std::string hello = HelloFrame(options, nonce);
  absl::Time said = absl::Now();
  std::string buffer(kReadSize, '\0');
  size_t sent = 0;
  std::optional<HelloAck> ack;
  parser.set_resync(true);
  // A repetition that was begun must be ended: it stands before all that will be sent.
  while (!ack || sent < hello.size()) {
    const absl::Time now = absl::Now();
    const absl::Duration left = deadline - now;
    if (left <= absl::ZeroDuration()) {
      return Error(absl::StatusCode::kDeadlineExceeded, reason::kRuntimeDied,
                   "The distro's runtime did not answer within " + absl::FormatDuration(options.hello_timeout) + ".");
    }
    if (options.give_up && options.give_up()) return absl::CancelledError("no answer is wanted any more");
    if (options.padding && !ack && sent == hello.size() && now - said >= kRepeat) {
      hello = HelloFrame(options, nonce);
      said = now;
      sent = 0;
    }
    pollfd poll_fd = {.fd = socket, .events = static_cast<short>(POLLIN | (sent < hello.size() ? POLLOUT : 0))};
    const int wait_ms = static_cast<int>(absl::ToInt64Milliseconds(std::min(left, kRepeat)) + 1);
    if (::poll(&poll_fd, 1, wait_ms) < 0 && errno != EINTR) {
      return ErrnoError("cannot wait for the distro's runtime", "");
    }
    if ((poll_fd.revents & POLLOUT) != 0) {
      const ssize_t count = ::send(socket, hello.data() + sent, hello.size() - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
      if (count < 0 && errno != EAGAIN && errno != EINTR) return HungUp();
      if (count > 0) sent += static_cast<size_t>(count);
    }
    // Read while the HELLO goes out, too: a peer that is itself blocked writing what it owed an earlier host reads
    // nothing.
    if ((poll_fd.revents & (POLLIN | POLLHUP | POLLERR)) != 0) {
      const ssize_t count = ::recv(socket, buffer.data(), buffer.size(), MSG_DONTWAIT);
      if (count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR)) return HungUp();
      if (count < 0) continue;
      parser.Feed(std::string_view(buffer.data(), static_cast<size_t>(count)));
      if (!ack) ack = TakeAck(parser, nonce);
    }
  }
  parser.set_resync(false);
  return *std::move(ack);
}

}  // namespace wslm::runtime::v1
