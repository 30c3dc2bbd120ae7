// The options of the commands that speak to a registry of container images.
#ifndef WSLM_CLI_COMMANDS_REGISTRY_OPTIONS_H_
#define WSLM_CLI_COMMANDS_REGISTRY_OPTIONS_H_

#include <string>

#include "absl/status/statusor.h"
#include "cli/arguments.h"
#include "wslm/v1/distro_service.pb.h"

namespace wslm::cli {

class RegistryOptions {
 public:
  void AddTo(Arguments& arguments);
  // Whose passwords are used: --auth-file, else what docker and podman keep, where there is such a file. Errors: those
  // of AbsolutePath.
  absl::StatusOr<v1::RegistryAccess> Access() const;

 private:
  std::string auth_file_;
  std::string ca_file_;
  bool plain_http_ = false;
};

}  // namespace wslm::cli

#endif  // WSLM_CLI_COMMANDS_REGISTRY_OPTIONS_H_
