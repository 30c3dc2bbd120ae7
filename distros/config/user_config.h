// The user's own settings for all distros, as WSL's .wslconfig: the file "wslm.conf" in wslm's configuration folder
// (~/.config/wslm). Each key may stand in [wslm] or, for files that come from there, in WSL's own section.
//
//   UserConfig config = ReadUserConfig("[wslm]\nmemory = 4GB\n", path);
//
// Standard library only. Thread-safe.
#ifndef WSLM_DISTROS_CONFIG_USER_CONFIG_H_
#define WSLM_DISTROS_CONFIG_USER_CONFIG_H_

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace wslm {

// What isn't said is empty: the default of whoever uses it counts.
struct UserConfig {
  // Of the VM: a kernel image's path, and words more for its command line.
  std::string kernel;
  std::string kernel_command_line;
  // Bytes. No swap: 0.
  std::optional<int64_t> memory;
  std::optional<int64_t> swap;
  // At least 1.
  std::optional<int64_t> processors;
  // The host's 127.0.0.1 has the ports that programs in the VM listen on.
  bool localhost_forwarding = true;
  // By what the VM goes out into the network: passt where it is installed, or the one that the user wants.
  enum class Network { kAuto, kPasst, kSlirp };
  Network network = Network::kAuto;
  // Sessions have the host's proxies in their environment.
  bool auto_proxy = false;
  // After the last distro in the VM; after a distro's last session and process. Negative: never.
  std::optional<std::chrono::milliseconds> vm_idle_timeout;
  std::optional<std::chrono::milliseconds> instance_idle_timeout;
  // After the last use of a distro in the VM while some run there. Negative: never.
  std::optional<std::chrono::milliseconds> hibernate_timeout;

  // As WslConf's.
  std::vector<std::string> warnings;
};

// `path` is for the warnings.
UserConfig ReadUserConfig(std::string_view text, std::string_view path);

}  // namespace wslm

#endif  // WSLM_DISTROS_CONFIG_USER_CONFIG_H_
