#include "runtime-v2/host/host_facts.h"

#include <x86intrin.h>

#include <ctime>

namespace wslm {
namespace {

constexpr int64_t kMeasureNs = 10'000'000;

int64_t RawNs() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC_RAW, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

}  // namespace

int64_t MeasureTscKhz() {
  const int64_t begin_ns = RawNs();
  const uint64_t begin = __rdtsc();
  int64_t now_ns = begin_ns;
  while (now_ns - begin_ns < kMeasureNs) now_ns = RawNs();
  const uint64_t ticks = __rdtsc() - begin;
  return static_cast<int64_t>(static_cast<double>(ticks) * 1e6 / static_cast<double>(now_ns - begin_ns));
}

std::string ResolvConf() {
  return "# Made by wslm when the distro starts: [network] generateResolvConf=false in /etc/wsl.conf leaves yours "
         "alone.\n"
         "nameserver 10.0.2.3\n";
}

}  // namespace wslm
