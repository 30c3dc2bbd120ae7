#include "runtime-v1/init/boot_command.h"

#include <cstdio>
#include <variant>

#include "runtime-v1/init/launch.h"
#include "runtime-v1/init/plan.h"
#include "runtime-v1/init/text.h"

namespace wslm::init {

void RunBootCommand(const ::wslm::runtime::v1::InstanceConfig& config, const WslConf& conf) {
  if (conf.boot_command.empty()) return;
  proto::SessionStart start;
  start.set_user("0");
  start.set_folder("/");
  start.add_argv(conf.boot_command);
  const auto plan = PlanSession(config, conf, start);
  const auto* session = std::get_if<PlannedSession>(&plan);
  if (session == nullptr || LaunchInBackground(session->launch) < 0) {
    std::fprintf(stderr, "boot.command was not run: %s\n", Escaped(conf.boot_command).c_str());
  }
}

}  // namespace wslm::init
