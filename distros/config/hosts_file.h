// The /etc/hosts that a distro is given.
#ifndef WSLM_DISTROS_CONFIG_HOSTS_FILE_H_
#define WSLM_DISTROS_CONFIG_HOSTS_FILE_H_

#include <string>
#include <string_view>

namespace wslm {

// What the host is called inside.
inline constexpr char kHostName[] = "host.wslm.internal";

// Names the distro itself (`hostname`, may be empty), the host (kHostName, at `host_address`), and what the
// host's own /etc/hosts (`host_hosts`) names: what is at the host's loopback there is at `host_address` here.
std::string HostsFile(const std::string& hostname, const std::string& host_address, const std::string& host_hosts);

}  // namespace wslm

#endif  // WSLM_DISTROS_CONFIG_HOSTS_FILE_H_
