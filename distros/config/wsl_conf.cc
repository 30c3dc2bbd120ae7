#include "distros/config/wsl_conf.h"

#include <algorithm>

#include "distros/config/config_file.h"
#include "distros/config/config_keys.h"

namespace wslm {
namespace {

constexpr size_t kLongestHostname = 64;  // the kernel's

bool IsHostname(std::string_view name) {
  return !name.empty() && name.size() <= kLongestHostname && name.front() != '-' && name.front() != '.' &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
         });
}

std::string InvalidValue(const std::string& key, const std::string& value, std::string_view wanted) {
  return "Invalid value '" + ShownValue(value) + "' for key '" + key + "' (it must be " + std::string(wanted) + ")";
}

// WSL's keys for what there is not: no reason to warn of an image that comes from there.
void AddIgnored(ConfigKeys& keys) {
  keys.Ignored("automount", {"mountFsTab", "ldconfig", "cgroups"});
  keys.Ignored("filesystem", {"umask"});
  keys.Ignored("interop", {"enabled", "appendWindowsPath"});
  keys.Ignored("time", {"useWindowsTimezone"});
  keys.Ignored("fileServer", {"enabled", "logFile", "logLevel", "logTruncate"});
  keys.Ignored("gpu", {"enabled", "appendLibPath"});
  keys.Ignored("boot", {"initTimeout", "protectBinfmt"});
  keys.Ignored("general", {"guiApplications"});
}

}  // namespace

WslConf ReadWslConf(std::string_view text) {
  WslConf conf;
  ConfigKeys keys;
  keys.Bool("automount.enabled", conf.automount);
  keys.Custom("automount.root", [&conf](const std::string& key, const std::string& value) -> std::string {
    if (!value.starts_with('/')) return InvalidValue(key, value, "an absolute path");
    std::string root = value;
    while (root.ends_with('/')) root.pop_back();
    conf.host_folder = root + "/host";
    return "";
  });
  keys.Custom("automount.options", [&conf](const std::string& key, const std::string& value) -> std::string {
    const std::vector<std::string> strange = ReadDrvfsOptions(value, conf.drvfs);
    return strange.empty() ? "" : "Invalid option '" + ShownValue(strange.front()) + "' for key '" + key + "'";
  });
  keys.Bool("network.generateHosts", conf.generate_hosts);
  keys.Bool("network.generateResolvConf", conf.generate_resolv_conf);
  keys.Custom("network.hostname", [&conf](const std::string& key, const std::string& value) -> std::string {
    if (!value.empty() && !IsHostname(value))
      return InvalidValue(key, value, "letters, digits, '-' and '.', at most 64");
    conf.hostname = value;
    return "";
  });
  keys.Text("user.default", conf.default_user);
  keys.Text("boot.command", conf.boot_command);
  keys.Bool("boot.systemd", conf.systemd);
  keys.Bool("wslm.fastpath", conf.fastpath);
  keys.Size("wslm.memory", conf.memory);
  keys.Integer("wslm.processors", 1, conf.processors);
  keys.Integer("wslm.processes", 1, conf.processes);
  AddIgnored(keys);
  conf.warnings = keys.Read(text, "/etc/wsl.conf");
  return conf;
}

std::string HostsWithName(const WslConf& conf, const std::string& hosts) {
  return conf.hostname.empty() || hosts.empty() ? hosts : "127.0.1.1\t" + conf.hostname + "\n" + hosts;
}

}  // namespace wslm
