#include "runtime-v1/init/conf.h"

#include "runtime-v1/init/text.h"

namespace wslm::init {

WslConf ReadConf(const ::wslm::runtime::v1::InstanceConfig& config) {
  WslConf conf = ReadWslConf(ReadTextFile("/etc/wsl.conf"));
  if (conf.systemd && config.version() == 1) {
    conf.warnings.push_back("boot.systemd in /etc/wsl.conf is ignored: it needs version 2 (wslm set-version " +
                            config.distro_name() + " 2).");
  }
  return conf;
}

}  // namespace wslm::init
