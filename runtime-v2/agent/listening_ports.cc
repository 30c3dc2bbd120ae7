#include "runtime-v2/agent/listening_ports.h"

#include <fcntl.h>
#include <unistd.h>

#include <charconv>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_split.h"
#include "distros/host/files.h"

namespace wslm {
namespace {

constexpr absl::string_view kListens = "0A";
// As the files show addresses: words of 32 bits in the machine's order.
constexpr std::string_view kAnyAddress = "00000000";
constexpr std::string_view kLoopback = "0100007F";
constexpr std::string_view kOwnAddress = "0F02000A";  // 10.0.2.15
constexpr std::string_view kAnyAddress6 = "00000000000000000000000000000000";
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

}  // namespace

void AddListeningPorts(std::string_view lines, PortScopes& ports) {
  bool heading = true;
  for (const absl::string_view line :
       absl::StrSplit(absl::string_view(lines.data(), lines.size()), '\n', absl::SkipEmpty())) {
    if (std::exchange(heading, false)) continue;
    // "  0: 0100007F:1F90 00000000:0000 0A …": number, local address and port, the other end's, state.
    const std::vector<absl::string_view> words = absl::StrSplit(line, ' ', absl::SkipEmpty());
    if (words.size() < 4 || words[3] != kListens) return;
    const std::string_view address(words[1].data(), words[1].size());
    const size_t colon = address.find(':');
    if (colon == std::string_view::npos) return;
    const std::string_view number = address.substr(colon + 1);
    uint16_t port = 0;
    if (std::from_chars(number.data(), number.data() + number.size(), port, 16).ec != std::errc()) return;
    const std::optional<bool> loopback = IsLoopbackAlone(address.substr(0, colon));
    if (!loopback) continue;
    const auto [entry, added] = ports.try_emplace(port, *loopback);
    if (!added) entry->second = entry->second && *loopback;
  }
}

runtime::v1::PortList ListeningPorts() {
  PortScopes scopes;
  for (const char* path : {"/proc/net/tcp", "/proc/net/tcp6"}) {
    AddListeningPorts(Beginning(path), scopes);
  }
  runtime::v1::PortList list;
  for (const auto& [port, loopback] : scopes) {
    auto& entry = *list.add_ports();
    entry.set_port(port);
    entry.set_loopback(loopback);
  }
  return list;
}

}  // namespace wslm
