#include "distros/tree/entry.h"

namespace wslm {

std::optional<std::string> NormalisedPath(std::string_view path) {
  constexpr size_t kNameMax = 255;
  std::string result;
  result.reserve(path.size());
  while (!path.empty()) {
    const size_t slash = path.find('/');
    const std::string_view component = path.substr(0, slash);
    path.remove_prefix(slash == std::string_view::npos ? path.size() : slash + 1);
    if (component.empty() || component == ".") continue;
    if (component == ".." || component.size() > kNameMax || component.find('\0') != std::string_view::npos) {
      return std::nullopt;
    }
    if (!result.empty()) result += '/';
    result += component;
  }
  return result;
}

}  // namespace wslm
