// Options of mount(2) that name users: uid=, gid=. The host's kernel knows one id only and says EINVAL to all others.
#ifndef WSLM_RUNTIME_V1_LXCORE_MOUNT_OPTIONS_H_
#define WSLM_RUNTIME_V1_LXCORE_MOUNT_OPTIONS_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace wslm::lxcore {

// A value of an option, as it stands in the text.
struct IdOption {
  size_t at = 0;
  size_t size = 0;
  uint32_t id = 0;
};

// Those of uid=, gid=, user_id= and group_id= in "mode=755,uid=1000" that are not 0 and well-formed, under the short
// names.
struct IdOptions {
  std::optional<IdOption> uid, gid;
};
IdOptions FindIdOptions(std::string_view options);

// The text with the same options asking for 0; as long as before.
std::string WithoutIds(std::string options, const IdOptions& ids);

}  // namespace wslm::lxcore

#endif  // WSLM_RUNTIME_V1_LXCORE_MOUNT_OPTIONS_H_
