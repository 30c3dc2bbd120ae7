// A distro's /etc/wsl.conf: what the image wants of its start. It can narrow what the host's record of the distro
// allows, never widen it. What the file doesn't say is as below; both runtimes obey it.
//
//   WslConf conf = ReadWslConf("[user]\ndefault = ann\n");
//
// Standard library only: wslm-init has it too. Thread-safe.
#ifndef WSLM_DISTROS_CONFIG_WSL_CONF_H_
#define WSLM_DISTROS_CONFIG_WSL_CONF_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "distros/config/drvfs_options.h"

namespace wslm {

struct WslConf {
  // [automount] enabled: the host's `/` may be seen inside.
  bool automount = true;
  // Where it is seen then: "host" below [automount] root. Absolute, without a trailing slash.
  std::string host_folder = "/mnt/host";
  // [automount] options: how it is seen.
  DrvfsOptions drvfs;
  // [network] generateHosts, generateResolvConf: our /etc/hosts and /etc/resolv.conf stand in for the distro's.
  bool generate_hosts = true;
  bool generate_resolv_conf = true;
  // [network] hostname; empty: the host's.
  std::string hostname;
  // [user] default; empty: the record's.
  std::string default_user;
  // [boot] command: for root's shell, when the distro starts. Empty: none.
  std::string boot_command;
  // [boot] systemd.
  bool systemd = false;
  // [wslm] fastpath: v1's C library makes plain calls itself.
  bool fastpath = true;
  // [wslm] memory, processors, processes: what all of the distro's processes together may have (v2): bytes, CPUs' worth
  // of time, how many.
  std::optional<int64_t> memory;
  std::optional<int64_t> processors;
  std::optional<int64_t> processes;

  // Sentences about what the file has that can't be obeyed, for whoever started the distro. Bytes of the file may be in
  // them: escape.
  std::vector<std::string> warnings;
};

// `text` is the whole file; empty where there is none.
WslConf ReadWslConf(std::string_view text);

// The content for /etc/hosts, with a line more for the distro's own host name where it has one.
std::string HostsWithName(const WslConf& conf, const std::string& hosts);

}  // namespace wslm

#endif  // WSLM_DISTROS_CONFIG_WSL_CONF_H_
