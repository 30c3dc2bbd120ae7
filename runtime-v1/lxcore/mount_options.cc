#include "runtime-v1/lxcore/mount_options.h"

#include <algorithm>
#include <charconv>

namespace wslm::lxcore {

IdOptions FindIdOptions(std::string_view options) {
  IdOptions found;
  for (size_t start = 0; start < options.size();) {
    const size_t end = std::min(options.find(',', start), options.size());
    const std::string_view option = options.substr(start, end - start);
    const std::string_view name = option.substr(0, option.find('='));
    const bool user = name == "uid" || name == "user_id", group = name == "gid" || name == "group_id";
    if ((user || group) && name.size() + 1 < option.size()) {
      const std::string_view value = option.substr(name.size() + 1);
      uint32_t id = 0;
      const auto [rest, error] = std::from_chars(value.data(), value.data() + value.size(), id);
      if (error == std::errc() && rest == value.data() + value.size() && id != 0) {
        (user ? found.uid : found.gid) = IdOption{start + name.size() + 1, value.size(), id};
      }
    }
    start = end + 1;
  }
  return found;
}

std::string WithoutIds(std::string options, const IdOptions& ids) {
  for (const std::optional<IdOption>& id : {ids.uid, ids.gid}) {
    if (id) options.replace(id->at, id->size, id->size, '0');
  }
  return options;
}

}  // namespace wslm::lxcore
