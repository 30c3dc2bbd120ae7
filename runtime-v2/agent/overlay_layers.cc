#include "runtime-v2/agent/overlay_layers.h"

#include <algorithm>

#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "runtime-v2/agent/mount_table.h"

namespace wslm {
namespace {

// Colons part them, also two; a backslash takes a character as it is.
void AddLayers(absl::string_view list, bool many, std::vector<std::string>& layers) {
  std::string layer;
  const auto end = [&] {
    if (!layer.empty()) layers.push_back(layer);
    layer.clear();
  };
  for (size_t i = 0; i < list.size(); ++i) {
    if (list[i] == '\\' && i + 1 < list.size()) {
      layer += list[++i];
    } else if (list[i] == ':' && many) {
      end();
    } else {
      layer += list[i];
    }
  }
  end();
}

}  // namespace

std::vector<std::string> OverlayLayers(const std::string& super_options) {
  std::vector<std::string> layers;
  for (const absl::string_view option : absl::StrSplit(super_options, ',')) {
    const std::string text = UnescapedPath(std::string(option));
    absl::string_view value = text;
    if (absl::ConsumePrefix(&value, "lowerdir=")) {
      AddLayers(value, true, layers);
    } else if (absl::ConsumePrefix(&value, "lowerdir+=") || absl::ConsumePrefix(&value, "datadir+=") ||
               absl::ConsumePrefix(&value, "upperdir=")) {
      AddLayers(value, false, layers);
    }
  }
  return layers;
}

std::vector<std::string> BasesOfLayers(const std::string& point, const std::vector<std::string>& layers) {
  std::vector<std::string> bases;
  const auto add = [&](const std::string& path) {
    for (size_t slash = path.rfind('/'); slash != std::string::npos && slash > 0; slash = path.rfind('/', slash - 1)) {
      const std::string base = path.substr(0, slash);
      if (std::find(bases.begin(), bases.end(), base) == bases.end()) bases.push_back(base);
    }
  };
  add(point);
  for (const std::string& layer : layers) {
    if (layer.starts_with('/')) add(layer);
  }
  return bases;
}

}  // namespace wslm
