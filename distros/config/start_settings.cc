#include "distros/config/start_settings.h"

#include <strings.h>

#include "distros/config/wsl_conf.h"

namespace wslm {
namespace {

// A value that is neither counts as not there, as with WSL.
bool IsOn(std::string_view wsl_conf, std::string_view section, std::string_view key) {
  const std::string value = WslConfValue(wsl_conf, section, key).value_or("");
  return value != "0" && ::strcasecmp(value.c_str(), "false") != 0;
}

}  // namespace

StartSettings ReadStartSettings(std::string_view wsl_conf) {
  StartSettings settings;
  settings.automount = IsOn(wsl_conf, "automount", "enabled");
  settings.generate_hosts = IsOn(wsl_conf, "network", "generateHosts");
  settings.generate_resolv_conf = IsOn(wsl_conf, "network", "generateResolvConf");
  std::string root = WslConfValue(wsl_conf, "automount", "root").value_or("");
  if (!root.starts_with('/')) return settings;
  while (root.ends_with('/')) root.pop_back();
  settings.host_folder = root + "/host";
  return settings;
}

}  // namespace wslm
