#include "runtime-v2/host/host_facts.h"

#include <x86intrin.h>

#include <algorithm>
#include <ctime>
#include <sstream>

namespace wslm {
namespace {

constexpr int64_t kMeasureNs = 10'000'000;

int64_t RawNs() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC_RAW, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

bool IsLoopback(std::string_view address) { return address.starts_with("127.") || address == "::1"; }

}  // namespace

int64_t MeasureTscKhz() {
  const int64_t begin_ns = RawNs();
  const uint64_t begin = __rdtsc();
  int64_t now_ns = begin_ns;
  while (now_ns - begin_ns < kMeasureNs) now_ns = RawNs();
  const uint64_t ticks = __rdtsc() - begin;
  return static_cast<int64_t>(static_cast<double>(ticks) * 1e6 / static_cast<double>(now_ns - begin_ns));
}

std::string HostsFile(const std::string& hostname, std::string_view host_hosts) {
  std::string text =
      "# Made by wslm when the distro starts: [network] generateHosts=false in /etc/wsl.conf leaves yours alone.\n"
      "127.0.0.1\tlocalhost\n";
  if (!hostname.empty()) text += "127.0.1.1\t" + hostname + "\n";
  text += "10.0.2.2\thost.wslm.internal\n";
  text +=
      "::1\tip6-localhost ip6-loopback\n"
      "fe00::0\tip6-localnet\n"
      "ff00::0\tip6-mcastprefix\n"
      "ff02::1\tip6-allnodes\n"
      "ff02::2\tip6-allrouters\n";
  std::istringstream lines{std::string(host_hosts)};
  for (std::string line; std::getline(lines, line);) {
    line.resize(std::min(line.size(), line.find('#')));
    std::istringstream words(line);
    std::string address;
    std::string name;
    // The IPv6 names above are in most hosts' files, too.
    const bool is_entry = static_cast<bool>(words >> address >> name);
    if (!is_entry || IsLoopback(address) || address.starts_with("ff0") || address.starts_with("fe00::")) continue;
    text += address + "\t" + name;
    while (words >> name) text += " " + name;
    text += "\n";
  }
  return text;
}

std::string ResolvConf() {
  return "# Made by wslm when the distro starts: [network] generateResolvConf=false in /etc/wsl.conf leaves yours "
         "alone.\n"
         "nameserver 10.0.2.3\n";
}

}  // namespace wslm
