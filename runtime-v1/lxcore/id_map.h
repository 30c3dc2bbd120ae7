// How a user namespace that was made inside numbers its users: user_namespaces(7).
//
//   std::optional<IdMap> map = ParseIdMap("0 1000 1\n");
//   map->Outside(0)      // 1000
//   map->Inside(33)      // 65534: it knows no such user
#ifndef WSLM_RUNTIME_V1_LXCORE_ID_MAP_H_
#define WSLM_RUNTIME_V1_LXCORE_ID_MAP_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace wslm::lxcore {

// How ids that a namespace doesn't know are shown in it.
inline constexpr uint32_t kOverflowId = 65534;

struct IdMap {
  struct Range {
    uint32_t inside = 0, outside = 0, count = 0;
    friend bool operator==(const Range&, const Range&) = default;
  };
  std::vector<Range> ranges;
  friend bool operator==(const IdMap&, const IdMap&) = default;

  // nullopt: the namespace has no such id.
  std::optional<uint32_t> Outside(uint32_t inside) const;
  uint32_t Inside(uint32_t outside) const;
  bool Knows(uint32_t outside) const;
  // As uid_map and gid_map show it.
  std::string Text() const;
};

// The text that is written to uid_map or gid_map; nullopt where the kernel says EINVAL.
std::optional<IdMap> ParseIdMap(std::string_view text);

}  // namespace wslm::lxcore

#endif  // WSLM_RUNTIME_V1_LXCORE_ID_MAP_H_
