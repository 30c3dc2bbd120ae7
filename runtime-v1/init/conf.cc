#include "runtime-v1/init/conf.h"

#include "runtime-v1/init/systemd.h"
#include "runtime-v1/init/text.h"

namespace wslm::init {

WslConf ReadConf(const ::wslm::runtime::v1::InstanceConfig& config) {
  WslConf conf = ReadWslConf(ReadTextFile("/etc/wsl.conf"));
  if (conf.systemd && config.version() == 1) {
    conf.warnings.push_back("boot.systemd in /etc/wsl.conf is ignored: it needs version 2 (wslm set-version " +
                            config.distro_name() + " 2).");
  }
  if (conf.systemd && config.version() == 2 && FindSystemd().empty()) {
    conf.warnings.push_back("boot.systemd in /etc/wsl.conf is ignored: the distro has no systemd.");
  }
  if (config.version() == 1 && (conf.memory || conf.processors || conf.processes)) {
    conf.warnings.push_back("The limits in /etc/wsl.conf ([wslm] memory, processors, processes) need version 2.");
  }
  return conf;
}

}  // namespace wslm::init
