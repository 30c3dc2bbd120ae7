// The environment that a session begins with: nothing of init's own, what login(1) would set, the distro's additions,
// then what the caller asked for.
#ifndef WSLM_RUNTIME_V1_INIT_ENVIRONMENT_H_
#define WSLM_RUNTIME_V1_INIT_ENVIRONMENT_H_

#include <map>
#include <string>
#include <string_view>

#include "distros/config/accounts.h"
#include "wslm/runtime/v1/runtime.pb.h"

namespace wslm::init {

using Environment = std::map<std::string, std::string>;

// The texts of the distro's files that say something of the environment; an absent one is empty.
struct EnvironmentFiles {
  std::string environment;  // /etc/environment
  std::string login_defs;   // /etc/login.defs
  std::string locale;       // /etc/default/locale or /etc/locale.conf
};

// KEY=VALUE lines as pam_env(7) and locale.conf(5) read them: "#" comments, an "export " before, quotes around.
Environment ParseAssignments(std::string_view text);

Environment EnvironmentOf(const User& user, const EnvironmentFiles& files,
                          const ::wslm::runtime::v1::InstanceConfig& config,
                          const ::wslm::runtime::v1::SessionStart& start, const std::string& hostname);

}  // namespace wslm::init

#endif  // WSLM_RUNTIME_V1_INIT_ENVIRONMENT_H_
