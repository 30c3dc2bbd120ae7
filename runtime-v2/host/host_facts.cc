#include "runtime-v2/host/host_facts.h"

#include <unistd.h>
#include <x86intrin.h>

#include <ctime>
#include <sstream>

namespace wslm {
namespace {

constexpr int64_t kMeasureNs = 10'000'000;
constexpr int kTries = 5;

int64_t RawNs() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC_RAW, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

}  // namespace

TscMeter::TscMeter() : begin_(Read()) {}

TscMeter::Reading TscMeter::Read() {
  // Whoever is interrupted between the two clocks sees them apart: the closest of a few counts.
  Reading best;
  uint64_t least = UINT64_MAX;
  for (int i = 0; i < kTries; ++i) {
    const uint64_t before = __rdtsc();
    const int64_t ns = RawNs();
    const uint64_t apart = __rdtsc() - before;
    if (apart >= least) continue;
    least = apart;
    best = {.ns = ns, .ticks = before + apart / 2};
  }
  return best;
}

int64_t TscMeter::Khz() const {
  Reading now = Read();
  while (now.ns - begin_.ns < kMeasureNs) {
    ::usleep(static_cast<useconds_t>((kMeasureNs - (now.ns - begin_.ns)) / 1000 + 1));
    now = Read();
  }
  return static_cast<int64_t>(static_cast<double>(now.ticks - begin_.ticks) * 1e6 /
                              static_cast<double>(now.ns - begin_.ns));
}

int64_t MeasureTscKhz() { return TscMeter().Khz(); }

std::string ResolvConf(std::string_view host_resolv_conf) {
  std::string text =
      "# Made by wslm when the distro starts: [network] generateResolvConf=false in /etc/wsl.conf leaves yours "
      "alone.\n"
      "nameserver 10.0.2.3\n";
  std::istringstream lines{std::string(host_resolv_conf)};
  for (std::string line; std::getline(lines, line);) {
    const std::string word = line.substr(0, line.find_first_of(" \t"));
    if (word == "search" || word == "domain" || word == "options") text += line + "\n";
  }
  return text;
}

}  // namespace wslm
