// Resolves what a client asked for (user, shell, folder, environment) against the distro's own files, as they are now.
#ifndef WSLM_RUNTIME_V1_INIT_PLAN_H_
#define WSLM_RUNTIME_V1_INIT_PLAN_H_

#include <string>
#include <variant>
#include <vector>

#include "distros/config/wsl_conf.h"
#include "runtime-v1/init/launch.h"

namespace wslm::init {

struct PlannedSession {
  LaunchPlan launch;
  // The command as one line.
  std::string shown;
  // For the client's stderr.
  std::vector<std::string> warnings;
};

// Errors: NOT_FOUND (USER_NOT_FOUND), INVALID_ARGUMENT.
std::variant<PlannedSession, proto::StreamEnd> PlanSession(const proto::InstanceConfig& config, const WslConf& conf,
                                                           const proto::SessionStart& start);

}  // namespace wslm::init

#endif  // WSLM_RUNTIME_V1_INIT_PLAN_H_
