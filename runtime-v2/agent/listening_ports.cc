#include "runtime-v2/agent/listening_ports.h"

#include <fcntl.h>
#include <unistd.h>

#include <charconv>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_split.h"
#include "distros/host/files.h"
#include "runtime-v2/modules/vm_names.h"

namespace wslm {
namespace {

constexpr absl::string_view kListens = "0A";
constexpr absl::string_view kUnconnected = "07";
// As the files show addresses: words of 32 bits in the machine's order.
constexpr std::string_view kAnyAddress = "00000000";
constexpr std::string_view kLoopback = "0100007F";
constexpr std::string_view kOwnAddress = "0F02000A";  // 10.0.2.15
constexpr std::string_view kAnyAddress6 = "00000000000000000000000000000000";
constexpr uint16_t kUsualFirstGivenPort = 32768;
constexpr size_t kMostRead = 256 << 10;
constexpr std::string_view kMapped = "0000000000000000FFFF0000";

// Whether it is 127.0.0.1 that "ADDRESS" in hexadecimal stands for; nothing: an address that is not of interest.
std::optional<bool> IsLoopbackAlone(std::string_view address) {
  if (address == kAnyAddress6) return false;
  if (address.starts_with(kMapped)) address.remove_prefix(kMapped.size());
  if (address == kLoopback) return true;
  if (address == kAnyAddress || address == kOwnAddress) return false;
  return std::nullopt;
}

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

struct Socket {
  std::string_view address;
  uint16_t port = 0;
  absl::string_view state;
};

// Calls with each line's, until `call` answers false or a line is malformed.
void ForEachSocket(std::string_view lines, const std::function<bool(const Socket&)>& call) {
  bool heading = true;
  for (const absl::string_view line :
       absl::StrSplit(absl::string_view(lines.data(), lines.size()), '\n', absl::SkipEmpty())) {
    if (std::exchange(heading, false)) continue;
    // "  0: 0100007F:1F90 00000000:0000 0A …": number, local address and port, the other end's, state.
    const std::vector<absl::string_view> words = absl::StrSplit(line, ' ', absl::SkipEmpty());
    if (words.size() < 4) return;
    const std::string_view address(words[1].data(), words[1].size());
    const size_t colon = address.find(':');
    if (colon == std::string_view::npos) return;
    const std::string_view number = address.substr(colon + 1);
    Socket socket{.address = address.substr(0, colon), .state = words[3]};
    if (std::from_chars(number.data(), number.data() + number.size(), socket.port, 16).ec != std::errc()) return;
    if (!call(socket)) return;
  }
}

void Add(const Socket& socket, PortScopes& ports) {
  const std::optional<bool> loopback = IsLoopbackAlone(socket.address);
  if (!loopback) return;
  const auto [entry, added] = ports.try_emplace(socket.port, *loopback);
  if (!added) entry->second = entry->second && *loopback;
}

void AddTo(runtime::v1::PortList& list, uint16_t port, bool loopback, bool udp) {
  auto& entry = *list.add_ports();
  entry.set_port(port);
  entry.set_loopback(loopback);
  entry.set_udp(udp);
}

uint16_t FirstGivenPort() {
  const std::string text = ReadSmallFile("/proc/sys/net/ipv4/ip_local_port_range").value_or("");
  uint16_t first = kUsualFirstGivenPort;
  std::from_chars(text.data(), text.data() + text.size(), first);
  return first;
}

}  // namespace

void AddListeningPorts(std::string_view lines, PortScopes& ports) {
  ForEachSocket(lines, [&](const Socket& socket) {
    if (socket.state != kListens) return false;
    Add(socket, ports);
    return true;
  });
}

void AddWaitingPorts(std::string_view lines, uint16_t first_given, PortScopes& ports) {
  ForEachSocket(lines, [&](const Socket& socket) {
    if (socket.state == kUnconnected && socket.port > 0 && socket.port < first_given) Add(socket, ports);
    return true;
  });
}

runtime::v1::PortList LowestPorts(const PortScopes& tcp, const PortScopes& udp) {
  runtime::v1::PortList list;
  auto next_tcp = tcp.begin();
  auto next_udp = udp.begin();
  while (static_cast<size_t>(list.ports_size()) < kMostPorts) {
    if (next_tcp != tcp.end() && (next_udp == udp.end() || next_tcp->first <= next_udp->first)) {
      AddTo(list, next_tcp->first, next_tcp->second, /*udp=*/false);
      ++next_tcp;
    } else if (next_udp != udp.end()) {
      AddTo(list, next_udp->first, next_udp->second, /*udp=*/true);
      ++next_udp;
    } else {
      break;
    }
  }
  const size_t all = tcp.size() + udp.size();
  list.set_left_out(static_cast<uint32_t>(all - static_cast<size_t>(list.ports_size())));
  return list;
}

runtime::v1::PortList ListeningPorts() {
  PortScopes tcp;
  for (const char* path : {"/proc/net/tcp", "/proc/net/tcp6"}) AddListeningPorts(Beginning(path), tcp);
  PortScopes udp;
  for (const char* path : {"/proc/net/udp", "/proc/net/udp6"}) AddWaitingPorts(Beginning(path), FirstGivenPort(), udp);
  return LowestPorts(tcp, udp);
}

}  // namespace wslm
