#include "runtime-v2/agent/listening_ports.h"

#include <algorithm>
#include <charconv>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
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
constexpr std::string_view kLoopback6 = "00000000000000000000000001000000";
constexpr std::string_view kMapped = "0000000000000000FFFF0000";

// Of an address in hexadecimal; nothing: it is not of interest.
std::optional<PortScope> ScopeOf(std::string_view address) {
  if (address == kAnyAddress6) return PortScope::kAllOfIpv6;
  if (address == kLoopback6) return PortScope::kIpv6;
  if (address.starts_with(kMapped)) address.remove_prefix(kMapped.size());
  if (address == kLoopback) return PortScope::kLoopback;
  if (address == kAnyAddress || address == kOwnAddress) return PortScope::kAll;
  return std::nullopt;
}

struct Socket {
  std::string_view address;
  uint16_t port = 0;
  absl::string_view state;
  uint64_t inode = 0;
};

// Calls with each line's, until `call` answers false or a line is malformed.
void ForEachSocket(std::string_view lines, const std::function<bool(const Socket&)>& call) {
  bool heading = true;
  for (const absl::string_view line :
       absl::StrSplit(absl::string_view(lines.data(), lines.size()), '\n', absl::SkipEmpty())) {
    if (std::exchange(heading, false)) continue;
    // "  0: 0100007F:1F90 00000000:0000 0A …": number, local address and port, the other end's, state, and after five
    // more the inode.
    const std::vector<absl::string_view> words = absl::StrSplit(line, ' ', absl::SkipEmpty());
    if (words.size() < 4) return;
    const std::string_view address(words[1].data(), words[1].size());
    const size_t colon = address.find(':');
    if (colon == std::string_view::npos) return;
    const std::string_view number = address.substr(colon + 1);
    Socket socket{.address = address.substr(0, colon), .state = words[3]};
    if (std::from_chars(number.data(), number.data() + number.size(), socket.port, 16).ec != std::errc()) return;
    if (words.size() > 9 && !absl::SimpleAtoi(words[9], &socket.inode)) return;
    if (!call(socket)) return;
  }
}

void Add(uint16_t port, const PortUse& use, PortUses& ports) {
  const auto [entry, added] = ports.try_emplace(port, use);
  if (!added) entry->second = std::min(entry->second, use);
}

void AddTo(runtime::v1::PortList& list, uint16_t port, const PortUse& use, bool udp) {
  auto& entry = *list.add_ports();
  entry.set_port(port);
  entry.set_loopback(use.scope == PortScope::kLoopback);
  entry.set_udp(udp);
}

}  // namespace

void AddListeningPorts(std::string_view lines, PortUses& ports) {
  ForEachSocket(lines, [&](const Socket& socket) {
    if (socket.state != kListens) return false;
    if (const auto scope = ScopeOf(socket.address)) Add(socket.port, {*scope, socket.inode}, ports);
    return true;
  });
}

void AddWaitingPorts(std::string_view lines, uint16_t first_given, PortUses& ports) {
  ForEachSocket(lines, [&](const Socket& socket) {
    if (socket.state != kUnconnected || socket.port == 0 || socket.port >= first_given) return true;
    const auto scope = ScopeOf(socket.address);
    if (!scope || scope == PortScope::kIpv6) return true;
    Add(socket.port, {scope == PortScope::kAllOfIpv6 ? PortScope::kAll : *scope, socket.inode}, ports);
    return true;
  });
}

runtime::v1::PortList LowestPorts(const PortUses& tcp, const PortUses& udp) {
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

}  // namespace wslm
