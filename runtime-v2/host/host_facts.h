// What the VM is made to measure by.
#ifndef WSLM_RUNTIME_V2_HOST_HOST_FACTS_H_
#define WSLM_RUNTIME_V2_HOST_HOST_FACTS_H_

#include <cstdint>
#include <string>

namespace wslm {

// Frequency of the time stamp counter, measured over 10 ms.
int64_t MeasureTscKhz();

// /etc/resolv.conf of a distro: the name server of QEMU's user network.
std::string ResolvConf();

}  // namespace wslm

#endif  // WSLM_RUNTIME_V2_HOST_HOST_FACTS_H_
