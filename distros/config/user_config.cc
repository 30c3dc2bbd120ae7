#include "distros/config/user_config.h"

#include "distros/config/config_keys.h"

namespace wslm {
namespace {

// WSL's keys for what there is not: no reason to warn of a file that comes from there.
void AddIgnored(ConfigKeys& keys) {
  keys.Ignored("wsl2", {"kernelModules",
                        "swapFile",
                        "nestedVirtualization",
                        "virtio",
                        "virtio9p",
                        "virtiofs",
                        "debugConsole",
                        "debugConsoleLogFile",
                        "earlyBootLogging",
                        "kernelDebugPort",
                        "gpuSupport",
                        "guiApplications",
                        "systemDistro",
                        "telemetry",
                        "kernelBootTimeout",
                        "distributionStartTimeout",
                        "mountDeviceTimeout",
                        "hostFileSystemAccess",
                        "hardwarePerformanceCounters",
                        "networkingMode",
                        "vmSwitch",
                        "macAddress",
                        "dhcp",
                        "dhcpTimeout",
                        "ipv6",
                        "dnsProxy",
                        "dnsTunneling",
                        "firewall",
                        "safeMode",
                        "defaultVhdSize",
                        "crashDumpFolder",
                        "maxCrashDumpCount",
                        "loadDefaultKernelModules",
                        "loadKernelModules",
                        "isolateDistroCgroup"});
  keys.Ignored("general", {"distributionInstallPath"});
  keys.Ignored("experimental", {"autoMemoryReclaim", "sparseVhd", "bestEffortDnsParsing", "dnsTunnelingIpAddress",
                                "initialAutoProxyTimeout", "ignoredPorts", "hostAddressLoopback", "setVersionDebug",
                                "swiotlb", "virtioFsAggregateShares", "networkingMode", "dnsTunneling", "firewall"});
}

}  // namespace

UserConfig ReadUserConfig(std::string_view text, std::string_view path) {
  UserConfig config;
  ConfigKeys keys;
  for (const std::string section : {"wslm.", "wsl2."}) {
    keys.Text(section + "kernel", config.kernel);
    keys.Text(section + "kernelCommandLine", config.kernel_command_line);
    keys.Size(section + "memory", config.memory);
    keys.Size(section + "swap", config.swap);
    keys.Integer(section + "processors", 1, config.processors);
    keys.Bool(section + "localhostForwarding", config.localhost_forwarding);
    keys.Milliseconds(section + "vmIdleTimeout", config.vm_idle_timeout);
    keys.Custom(section + "vmNetwork", [&config](const std::string& key, const std::string& value) -> std::string {
      if (value != "passt" && value != "slirp") return "Invalid network '" + value + "' for key '" + key + "'";
      config.network = value == "passt" ? UserConfig::Network::kPasst : UserConfig::Network::kSlirp;
      return "";
    });
  }
  for (const std::string section : {"wslm.", "wsl2.", "experimental."}) {
    keys.Bool(section + "autoProxy", config.auto_proxy);
  }
  for (const std::string section : {"wslm.", "general."}) {
    keys.Milliseconds(section + "instanceIdleTimeout", config.instance_idle_timeout);
  }
  keys.Milliseconds("wslm.hibernateTimeout", config.hibernate_timeout);
  AddIgnored(keys);
  config.warnings = keys.Read(text, path);
  return config;
}

}  // namespace wslm
