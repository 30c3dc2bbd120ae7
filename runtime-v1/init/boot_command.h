// [boot] command of wsl.conf.
#ifndef WSLM_RUNTIME_V1_INIT_BOOT_COMMAND_H_
#define WSLM_RUNTIME_V1_INIT_BOOT_COMMAND_H_

#include "distros/config/wsl_conf.h"
#include "wslm/runtime/v1/runtime.pb.h"

namespace wslm::init {

// Starts it, where there is one, by root's shell in "/": in a session of its own, without stdin, its output where
// init's errors go. Doesn't wait for its end; what it leaves running keeps the distro up, as any process does.
void RunBootCommand(const ::wslm::runtime::v1::InstanceConfig& config, const WslConf& conf);

}  // namespace wslm::init

#endif  // WSLM_RUNTIME_V1_INIT_BOOT_COMMAND_H_
