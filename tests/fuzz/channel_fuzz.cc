// Bytes as what a guest sends on the connection of its distro, which has two streams. The first byte says how many of
// them come before the connection's thread begins, in eighths (the others come through a socket), and how often all is
// said, as a power of two.
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <algorithm>

#include "tests/fuzz/fuzz.h"
#include "wslm/runtime/v1/channel_core.h"

using namespace wslm;
using namespace wslm::runtime::v1;

namespace {

// Passes on what it gets like a client that reads, and answers.
class Client : public StreamObserver {
 public:
  explicit Client(ChannelCore& core) : core_(core) {}
  void set_stream(std::shared_ptr<StreamState> stream) { stream_ = std::move(stream); }
  bool ended() const { return ended_; }

  void OnMessage(const GuestMessage& message, size_t payload_bytes) override {
    FUZZ_CHECK(!ended_);
    unread_ += payload_bytes;
    // More than that is never to be held in memory.
    FUZZ_CHECK(unread_ <= kInitialWindow);
    FUZZ_CHECK(payload_bytes > 0 || (!message.has_stdout() && !message.has_stderr()));
    if (message.has_stdout()) {
      core_.Consumed(*stream_, unread_);
      unread_ = 0;
    }
    HostMessage answer;
    if (message.has_stderr()) {
      answer.set_signal(15);
    } else if (writable_) {
      answer.set_stdin(std::string(100000, 'x'));
    }
    writable_ = core_.Send(*stream_, answer);
  }
  void OnWritable() override {
    HostMessage end;
    end.set_eof(true);
    writable_ = core_.Send(*stream_, end);
  }
  void OnEnd(const absl::Status& status) override {
    FUZZ_CHECK(!ended_);
    ended_ = true;
    (void)status.ToString();
  }

 private:
  ChannelCore& core_;
  std::shared_ptr<StreamState> stream_;
  size_t unread_ = 0;
  bool writable_ = true;
  bool ended_ = false;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  std::string said;
  for (int i = 0; i < 1 << (data[0] >> 3 & 7); ++i) said += fuzz::TextOf(data + 1, size - 1);
  const std::string_view bytes = said;
  const size_t early = bytes.size() * (data[0] & 7) / 8;
  int ends[2];
  FUZZ_CHECK(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
  const UniqueFd guest(ends[1]);
  UniqueFd host(ends[0]);
  UniqueFd epoll(::epoll_create1(EPOLL_CLOEXEC));
  epoll_event event = {.events = EPOLLIN};
  event.data.fd = host.get();
  FUZZ_CHECK(::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, host.get(), &event) == 0);
  const std::string_view late = bytes.substr(early);
  const ssize_t sent = ::send(guest.get(), late.data(), late.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  FUZZ_CHECK(late.empty() || sent > 0);
  FUZZ_CHECK(::shutdown(guest.get(), SHUT_WR) == 0);

  FrameParser parser;
  parser.Feed(bytes.substr(0, early));
  ChannelCore core(std::move(host), std::move(epoll), UniqueFd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
                   std::move(parser));
  std::shared_ptr<Client> clients[2];
  for (std::shared_ptr<Client>& client : clients) {
    client = std::make_shared<Client>(core);
    client->set_stream(core.Open(OpenRequest(), client));
  }
  core.OnClosed([&] { core.Stop(); });
  core.Run();
  FUZZ_CHECK(core.closed());
  for (const std::shared_ptr<Client>& client : clients) FUZZ_CHECK(client->ended());
  return 0;
}
