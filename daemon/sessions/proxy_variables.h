// The host's proxies for a distro's programs ([wslm] autoProxy in the user's wslm.conf).
#ifndef WSLM_DAEMON_SESSIONS_PROXY_VARIABLES_H_
#define WSLM_DAEMON_SESSIONS_PROXY_VARIABLES_H_

#include <functional>
#include <map>
#include <string>

namespace wslm::daemon {

using Variables = std::map<std::string, std::string>;

// Those of http_proxy and its like, in small or capital letters, that `lookup` (getenv(3)) knows. `host_name`: what a
// proxy on the host's loopback is called inside; empty: as on the host.
Variables ProxyVariables(const std::function<const char*(const char*)>& lookup, const std::string& host_name);

}  // namespace wslm::daemon

#endif  // WSLM_DAEMON_SESSIONS_PROXY_VARIABLES_H_
