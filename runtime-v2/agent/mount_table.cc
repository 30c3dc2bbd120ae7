#include "runtime-v2/agent/mount_table.h"

#include <algorithm>
#include <charconv>
#include <sstream>

namespace wslm {

std::vector<MountLine> ParseMountTable(std::string_view text) {
  std::vector<MountLine> mounts;
  std::istringstream lines{std::string(text)};
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    MountLine mount;
    uint64_t parent = 0;
    if (!(words >> mount.id >> parent >> mount.device >> mount.root >> mount.point >> mount.options)) continue;
    // Optional fields end with a dash.
    std::string source;
    while (words >> source && source != "-") {
    }
    if (words >> mount.type >> source >> mount.super_options) mounts.push_back(std::move(mount));
  }
  return mounts;
}

bool IsBelowProgram(const std::vector<MountLine>& mounts, std::string_view point) {
  return std::any_of(mounts.begin(), mounts.end(), [&](const MountLine& mount) {
    const bool above = mount.point == "/" || point.starts_with(mount.point + "/");
    return above && (mount.type == "fuse" || mount.type == "fuseblk" || mount.type.starts_with("fuse."));
  });
}

std::string UnescapedPath(std::string_view escaped) {
  std::string path;
  for (size_t i = 0; i < escaped.size(); ++i) {
    constexpr size_t kDigits = 3;
    const std::string_view digits = escaped.substr(i + 1, kDigits);
    const bool octal = escaped[i] == '\\' && digits.size() == kDigits &&
                       std::all_of(digits.begin(), digits.end(), [](char c) { return c >= '0' && c <= '7'; });
    if (!octal) {
      path += escaped[i];
      continue;
    }
    unsigned byte = 0;
    std::from_chars(digits.data(), digits.data() + kDigits, byte, 8);
    path += static_cast<char>(byte);
    i += kDigits;
  }
  return path;
}

}  // namespace wslm
