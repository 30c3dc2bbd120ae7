// The distro's wsl.conf, as it is now.
#ifndef WSLM_RUNTIME_V1_INIT_CONF_H_
#define WSLM_RUNTIME_V1_INIT_CONF_H_

#include "distros/config/wsl_conf.h"
#include "wslm/runtime/v1/runtime.pb.h"

namespace wslm::init {

// With a warning more for what the distro's runtime can't do.
WslConf ReadConf(const ::wslm::runtime::v1::InstanceConfig& config);

}  // namespace wslm::init

#endif  // WSLM_RUNTIME_V1_INIT_CONF_H_
