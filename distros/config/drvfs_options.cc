#include "distros/config/drvfs_options.h"

#include <charconv>
#include <cstdio>

#include "distros/config/words.h"

namespace wslm {
namespace {

bool ReadMask(std::string_view text, uint32_t& mask) {
  uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 8);
  if (error != std::errc() || end != text.data() + text.size() || value > 0777) return false;
  mask = value;
  return true;
}

bool ReadOwner(std::string_view text, std::optional<uint32_t>& id) {
  const std::optional<uint32_t> value = ParseId(text);
  if (value) id = value;
  return value.has_value();
}

bool ReadWord(std::string_view word, DrvfsOptions& options) {
  const size_t equals = word.find('=');
  const std::string_view name = word.substr(0, equals);
  if (equals == std::string_view::npos) {
    if (name == "metadata") return options.metadata = true;
    if (name == "ro") return options.read_only = true;
    if (name == "rw") return !(options.read_only = false);
    return name.empty() || name == "defaults";
  }
  const std::string_view value = word.substr(equals + 1);
  if (name == "uid") return ReadOwner(value, options.uid);
  if (name == "gid") return ReadOwner(value, options.gid);
  if (name == "umask") return ReadMask(value, options.umask);
  if (name == "fmask") return ReadMask(value, options.fmask);
  if (name == "dmask") return ReadMask(value, options.dmask);
  return name == "case" && (value == "off" || value == "dir" || value == "force");
}

}  // namespace

std::vector<std::string> ReadDrvfsOptions(std::string_view text, DrvfsOptions& options) {
  std::vector<std::string> strange;
  for (const std::string_view word : Split(text, ',')) {
    if (!ReadWord(Trimmed(word), options)) strange.emplace_back(word);
  }
  return strange;
}

std::string DrvfsOptionsText(const DrvfsOptions& options) {
  std::string text;
  const auto add = [&text](const std::string& word) { text += (text.empty() ? "" : ",") + word; };
  if (options.metadata) add("metadata");
  if (options.uid) add("uid=" + std::to_string(*options.uid));
  if (options.gid) add("gid=" + std::to_string(*options.gid));
  const auto add_mask = [&add](const char* name, uint32_t mask) {
    char digits[16];
    std::snprintf(digits, sizeof(digits), "%s=%o", name, mask);
    if (mask != 0) add(digits);
  };
  add_mask("umask", options.umask);
  add_mask("fmask", options.fmask);
  add_mask("dmask", options.dmask);
  return text;
}

}  // namespace wslm
