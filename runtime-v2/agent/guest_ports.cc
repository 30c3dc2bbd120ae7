#include "runtime-v2/agent/guest_ports.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <set>
#include <string>
#include <utility>

#include "distros/host/files.h"
#include "distros/host/unique_fd.h"

namespace wslm {
namespace {

constexpr uint16_t kUsualFirstGivenPort = 32768;
constexpr size_t kMostRead = 256 << 10;

// Not the whole file, which may hold very many connections; listeners come first.
std::string Beginning(const char* path) {
  std::string text;
  const auto file = OpenFile(path, O_RDONLY);
  if (!file.ok()) return text;
  char buffer[16384];
  while (text.size() < kMostRead) {
    const ssize_t count = ::read(file->get(), buffer, sizeof buffer);
    if (count <= 0) break;
    text.append(buffer, static_cast<size_t>(count));
  }
  // A line may be cut.
  text.resize(text.rfind('\n') + 1);
  return text;
}

uint16_t FirstGivenPort() {
  const std::string text = ReadSmallFile("/proc/sys/net/ipv4/ip_local_port_range").value_or("");
  uint16_t first = kUsualFirstGivenPort;
  std::from_chars(text.data(), text.data() + text.size(), first);
  return first;
}

}  // namespace

bool Ipv4IsTaken(uint16_t port) {
  const UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  // With it only who listens is in the way, and we are in nobody's who sets it too.
  const int on = 1;
  ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  return ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 && errno == EADDRINUSE;
}

void GuestPorts::Resolve(PortUses& tcp) {
  std::map<uint16_t, Known> known;
  for (auto& [port, use] : tcp) {
    if (use.scope != PortScope::kAllOfIpv6) continue;
    const auto before = known_.find(port);
    // The kernel's files don't tell.
    known[port] = before != known_.end() && before->second.inode == use.inode
                      ? before->second
                      : Known{.inode = use.inode, .takes_ipv4 = Ipv4IsTaken(port)};
    use.scope = known[port].takes_ipv4 ? PortScope::kAll : PortScope::kIpv6;
  }
  known_ = std::move(known);
}

runtime::v1::PortList GuestPorts::Look() {
  PortUses tcp;
  for (const char* path : {"/proc/net/tcp", "/proc/net/tcp6"}) AddListeningPorts(Beginning(path), tcp);
  std::erase_if(tcp, [this](const auto& entry) { return relay_.Owns(entry.first); });
  Resolve(tcp);
  PortUses udp;
  for (const char* path : {"/proc/net/udp", "/proc/net/udp6"}) AddWaitingPorts(Beginning(path), FirstGivenPort(), udp);
  runtime::v1::PortList list = LowestPorts(tcp, udp);
  std::set<uint16_t> of_ipv6;
  for (const auto& port : list.ports()) {
    const auto number = static_cast<uint16_t>(port.port());
    if (!port.udp() && tcp.at(number).scope == PortScope::kIpv6) of_ipv6.insert(number);
  }
  const std::map<uint16_t, uint16_t> served = relay_.Serve(of_ipv6);
  for (auto& port : *list.mutable_ports()) {
    const auto at = port.udp() ? served.end() : served.find(static_cast<uint16_t>(port.port()));
    if (at == served.end()) continue;
    port.set_loopback(true);
    port.set_at(at->second);
  }
  return list;
}

}  // namespace wslm
