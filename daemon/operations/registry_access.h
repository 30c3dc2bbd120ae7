// What an API request says of a registry of container images, as the registry client takes it.
#ifndef WSLM_DAEMON_OPERATIONS_REGISTRY_ACCESS_H_
#define WSLM_DAEMON_OPERATIONS_REGISTRY_ACCESS_H_

#include <string>

#include "absl/status/statusor.h"
#include "daemon/operations/operation_context.h"
#include "distros/oci/registry/options.h"
#include "wslm/v1/distro_service.pb.h"

namespace wslm::daemon {

// With the operation's progress and cancel; `context` outlives the answer. Error: INVALID_ARGUMENT.
absl::StatusOr<oci::registry::RegistryOptions> RegistryOptionsOf(const v1::RegistryAccess& access,
                                                                 OperationContext& context);

}  // namespace wslm::daemon

#endif  // WSLM_DAEMON_OPERATIONS_REGISTRY_ACCESS_H_
