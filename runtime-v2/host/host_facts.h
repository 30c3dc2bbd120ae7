// What the VM is made to measure by.
#ifndef WSLM_RUNTIME_V2_HOST_HOST_FACTS_H_
#define WSLM_RUNTIME_V2_HOST_HOST_FACTS_H_

#include <cstdint>
#include <string>
#include <string_view>

namespace wslm {

// Measures the frequency of the time stamp counter while something else is done, from its construction on.
class TscMeter {
 public:
  TscMeter();
  // Waits until 10 ms are over.
  int64_t Khz() const;

 private:
  struct Reading {
    int64_t ns = 0;
    uint64_t ticks = 0;
  };
  static Reading Read();

  const Reading begin_;
};

// The same at once: 10 ms.
int64_t MeasureTscKhz();

// /etc/resolv.conf of a distro: the name server of QEMU's user network, which asks the host's, and the host's own
// domains and options (`host_resolv_conf` is its file).
std::string ResolvConf(std::string_view host_resolv_conf);

}  // namespace wslm

#endif  // WSLM_RUNTIME_V2_HOST_HOST_FACTS_H_
