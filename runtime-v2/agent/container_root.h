// What a distro finds mounted in its tree.
#ifndef WSLM_RUNTIME_V2_AGENT_CONTAINER_ROOT_H_
#define WSLM_RUNTIME_V2_AGENT_CONTAINER_ROOT_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "distros/config/wsl_conf.h"
#include "wslm/runtime/v1/runtime.pb.h"

namespace wslm {

// The wsl.conf of the tree at `root`, followed within it only.
WslConf ConfOfRoot(const std::string& root);

// In the agent's mount namespace: makes the places to mount on in the tree at `root`, and the files that are mounted
// (resolv.conf, hosts), and answers what was made in the tree.
absl::StatusOr<std::vector<std::string>> PrepareContainerRoot(const runtime::v1::InstanceConfig& config,
                                                              const std::string& root);

// In the container's namespaces: mounts all and makes `root` the root.
absl::Status EnterContainerRoot(const runtime::v1::InstanceConfig& config, const std::string& root);

}  // namespace wslm

#endif  // WSLM_RUNTIME_V2_AGENT_CONTAINER_ROOT_H_
