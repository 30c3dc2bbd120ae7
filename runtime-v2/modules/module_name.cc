#include "runtime-v2/modules/module_name.h"

namespace wslm {

std::string NormalModuleName(std::string_view text) {
  std::string normal(text);
  bool in_brackets = false;
  for (char& c : normal) {
    if (c == '[') in_brackets = true;
    if (c == ']') in_brackets = false;
    if (c == '-' && !in_brackets) c = '_';
  }
  return normal;
}

std::string ModuleNameOfPath(std::string_view path) {
  const size_t slash = path.rfind('/');
  if (slash != std::string_view::npos) path.remove_prefix(slash + 1);
  return NormalModuleName(path.substr(0, path.find(".ko")));
}

}  // namespace wslm
