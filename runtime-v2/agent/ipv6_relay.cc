#include "runtime-v2/agent/ipv6_relay.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <utility>

namespace wslm {
namespace {

// Each has two descriptors, of the 1024 that a process may have.
constexpr size_t kMostConnections = 200;
constexpr size_t kBuffer = 16384;
// Then it is others' turn.
constexpr int kMovesAtOnce = 16;
constexpr int kBacklog = 64;
constexpr int kSocketFlags = SOCK_NONBLOCK | SOCK_CLOEXEC;

bool WouldBlock() { return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR; }

// What goes one way through a connection.
class Way {
 public:
  // Moves what can be moved, within bounds. False: the connection is broken.
  bool Move(int from, int to) {
    for (int i = 0; i < kMovesAtOnce; ++i) {
      if (begin_ == end_ && !ended_) {
        const ssize_t count = ::recv(from, buffer_.data(), buffer_.size(), 0);
        if (count < 0) return WouldBlock();
        begin_ = 0;
        end_ = static_cast<size_t>(count);
        ended_ = count == 0;
      }
      if (begin_ == end_) return ::shutdown(to, SHUT_WR) == 0 || errno == ENOTCONN;
      const ssize_t count = ::send(to, buffer_.data() + begin_, end_ - begin_, MSG_NOSIGNAL);
      if (count < 0) return WouldBlock();
      begin_ += static_cast<size_t>(count);
    }
    return true;
  }
  // Of the descriptor that it comes from, and of that it goes to.
  uint32_t wanted_from() const { return begin_ == end_ && !ended_ ? uint32_t{EPOLLIN} : 0; }
  uint32_t wanted_to() const { return begin_ == end_ ? 0 : uint32_t{EPOLLOUT}; }
  bool ended() const { return ended_ && begin_ == end_; }

 private:
  std::array<char, kBuffer> buffer_;
  size_t begin_ = 0;
  size_t end_ = 0;
  bool ended_ = false;
};

}  // namespace

class Ipv6Relay::Connection {
 public:
  Connection(Ipv6Relay& relay, UniqueFd client, UniqueFd server)
      : relay_(relay), client_(std::move(client)), server_(std::move(server)) {}
  ~Connection() {
    relay_.loop_.Forget(client_.get());
    relay_.loop_.Forget(server_.get());
  }

  // False: it can't be watched.
  bool Begin() {
    // The server's is writable when it is connected, and when it can't be.
    return relay_.loop_.Watch(client_.get(), 0, [this](uint32_t) { OnEvent(); }) &&
           relay_.loop_.Watch(server_.get(), EPOLLOUT, [this](uint32_t) { OnEvent(); });
  }

 private:
  void OnEvent() {
    int error = 0;
    socklen_t size = sizeof error;
    const bool failed = ::getsockopt(server_.get(), SOL_SOCKET, SO_ERROR, &error, &size) != 0 || error != 0;
    if (failed || !to_server_.Move(client_.get(), server_.get()) || !to_client_.Move(server_.get(), client_.get()) ||
        (to_server_.ended() && to_client_.ended())) {
      relay_.connections_.erase(this);
      return;
    }
    relay_.loop_.Change(client_.get(), to_server_.wanted_from() | to_client_.wanted_to());
    relay_.loop_.Change(server_.get(), to_client_.wanted_from() | to_server_.wanted_to());
  }

  Ipv6Relay& relay_;
  const UniqueFd client_;
  const UniqueFd server_;
  Way to_server_;
  Way to_client_;
};

Ipv6Relay::Ipv6Relay(EventLoop& loop) : loop_(loop) {}

Ipv6Relay::~Ipv6Relay() { Serve({}); }

std::map<uint16_t, uint16_t> Ipv6Relay::Serve(const std::set<uint16_t>& ports) {
  for (auto listener = listeners_.begin(); listener != listeners_.end();) {
    const uint16_t port = (listener++)->first;
    if (!ports.contains(port)) StopListening(port);
  }
  std::map<uint16_t, uint16_t> served;
  for (const uint16_t port : ports) {
    if (listeners_.contains(port) || Listen(port)) served[port] = listeners_.at(port).at;
  }
  return served;
}

bool Ipv6Relay::Owns(uint16_t port) const {
  for (const auto& [served, listener] : listeners_) {
    if (listener.at == port) return true;
  }
  return false;
}

bool Ipv6Relay::Listen(uint16_t port) {
  Listener listener{.socket = UniqueFd(::socket(AF_INET, SOCK_STREAM | kSocketFlags, 0))};
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  const int fd = listener.socket.get();
  if (!listener.socket || ::bind(fd, generic, size) != 0 || ::listen(fd, kBacklog) != 0 ||
      ::getsockname(fd, generic, &size) != 0 || !loop_.Watch(fd, EPOLLIN, [this, port](uint32_t) { Accept(port); })) {
    return false;
  }
  listener.at = ntohs(address.sin_port);
  listeners_[port] = std::move(listener);
  return true;
}

void Ipv6Relay::StopListening(uint16_t port) {
  const auto listener = listeners_.find(port);
  loop_.Forget(listener->second.socket.get());
  listeners_.erase(listener);
}

void Ipv6Relay::Accept(uint16_t port) {
  UniqueFd client(::accept4(listeners_.at(port).socket.get(), nullptr, nullptr, kSocketFlags));
  if (!client) {
    // Without descriptors it would be called again and again. The next Serve listens anew.
    if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) StopListening(port);
    return;
  }
  if (connections_.size() >= kMostConnections) return;
  UniqueFd server(::socket(AF_INET6, SOCK_STREAM | kSocketFlags, 0));
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  address.sin6_addr = in6addr_loopback;
  address.sin6_port = htons(port);
  if (!server || (::connect(server.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 &&
                  errno != EINPROGRESS)) {
    return;
  }
  // What is written has been gathered already by who wrote it.
  for (const int fd : {client.get(), server.get()}) {
    const int on = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }
  // After hibernation QEMU knows nothing of its connections any more, and tells so only who sends.
  constexpr std::pair<int, int> kKeepalive[] = {{TCP_KEEPIDLE, 60}, {TCP_KEEPINTVL, 20}, {TCP_KEEPCNT, 3}};
  for (const auto& [option, value] : kKeepalive) ::setsockopt(client.get(), IPPROTO_TCP, option, &value, sizeof value);
  const int on = 1;
  ::setsockopt(client.get(), SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  auto connection = std::make_unique<Connection>(*this, std::move(client), std::move(server));
  const Connection* const key = connection.get();
  if (connection->Begin()) connections_[key] = std::move(connection);
}

}  // namespace wslm
