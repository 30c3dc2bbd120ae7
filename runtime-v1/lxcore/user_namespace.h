// The user namespace in which lxcore and its distro live: one id, 0 inside, the user's outside.
#ifndef WSLM_RUNTIME_V1_LXCORE_USER_NAMESPACE_H_
#define WSLM_RUNTIME_V1_LXCORE_USER_NAMESPACE_H_

#include "absl/status/status.h"

namespace wslm::lxcore {

// Moves the calling process, which has one thread, into a new user namespace. Errors: HOST_UNSUPPORTED with the setting
// of the host that forbids it.
absl::Status EnterUserNamespace();

// The error when the namespace was made, but gives no rights (AppArmor's way to forbid them), from errno.
absl::Status NoRightsInNamespace();

}  // namespace wslm::lxcore

#endif  // WSLM_RUNTIME_V1_LXCORE_USER_NAMESPACE_H_
