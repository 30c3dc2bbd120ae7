// The user that an import makes inside the new distro.
#ifndef WSLM_DAEMON_OPERATIONS_NEW_USER_H_
#define WSLM_DAEMON_OPERATIONS_NEW_USER_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "wslm/runtime/v1/channel.h"

namespace wslm::daemon {

struct NewUser {
  std::string name;
  std::optional<uint32_t> uid;
};

// "NAME" or "NAME:UID". Error: INVALID_ARGUMENT.
absl::StatusOr<NewUser> ParseNewUser(std::string_view text);

// Makes the user in a running distro with the distro's own tools (useradd, or busybox's adduser), with a home, bash
// where it is there, and membership in sudo or wheel. A user who is there already is taken as he is. Errors:
// START_FAILED with what the tools said, CANCELLED.
absl::Status MakeUser(runtime::v1::Channel& channel, const std::string& distro_id, const NewUser& user,
                      const std::function<absl::Status()>& check_cancelled);

}  // namespace wslm::daemon

#endif  // WSLM_DAEMON_OPERATIONS_NEW_USER_H_
