// Reads the form of wsl.conf and its like: git-config style sections of `key = value`, `#` comments, quotes, escapes,
// `\` at a line's end continues. Nothing in a file is an error: what is malformed is skipped with a warning.
//
//   ConfigFile file = ParseConfigFile("[user]\ndefault = ann\n", "/etc/wsl.conf");
//   file.entries[0];   // {"user.default", "ann", 2}
//
// Uses nothing but the standard library: wslm-init has it too. Thread-safe.
#ifndef WSLM_DISTROS_CONFIG_CONFIG_FILE_H_
#define WSLM_DISTROS_CONFIG_CONFIG_FILE_H_

#include <string>
#include <string_view>
#include <vector>

namespace wslm {

struct ConfigEntry {
  // "section.key" as it is written; cases don't count.
  std::string key;
  std::string value;
  // Where it begins, from 1.
  int line = 0;
};

// A sentence for a person, without control over what bytes of the file are in it: whoever shows it escapes it.
struct ConfigWarning {
  std::string text;
  int line = 0;
};

struct ConfigFile {
  // In the file's order. A key may come more than once.
  std::vector<ConfigEntry> entries;
  std::vector<ConfigWarning> warnings;
};

// `path` is for the warnings.
ConfigFile ParseConfigFile(std::string_view text, std::string_view path);

// "PATH:LINE".
std::string ConfigPlace(std::string_view path, int line);

// A value as warnings show it, cut where it is long.
std::string ShownValue(std::string_view value);

}  // namespace wslm

#endif  // WSLM_DISTROS_CONFIG_CONFIG_FILE_H_
