// What a distro's /etc/wsl.conf says of its start; what it doesn't say is wslm's default. Both runtimes obey it.
// Standard library only: wslm-init has it too. Thread-safe.
#ifndef WSLM_DISTROS_CONFIG_START_SETTINGS_H_
#define WSLM_DISTROS_CONFIG_START_SETTINGS_H_

#include <string>
#include <string_view>

namespace wslm {

struct StartSettings {
  // [automount] enabled: the host's `/` may be seen inside.
  bool automount = true;
  // Where it is seen then: "host" below [automount] root. Absolute, without a trailing slash.
  std::string host_folder = "/mnt/host";
  // [network] generateHosts, generateResolvConf: our /etc/hosts and /etc/resolv.conf stand in for the distro's.
  bool generate_hosts = true;
  bool generate_resolv_conf = true;
};

// `wsl_conf` is the whole text; empty where there is none.
StartSettings ReadStartSettings(std::string_view wsl_conf);

}  // namespace wslm

#endif  // WSLM_DISTROS_CONFIG_START_SETTINGS_H_
