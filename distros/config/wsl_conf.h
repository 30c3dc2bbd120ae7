// Reads wsl.conf: git-config style sections of `key = value`, `#` comments, quotes, `\` at a line's end continues.
// Keys and sections are matched without case; of a repeated key the first counts; what is malformed is skipped.
// Uses nothing but the standard library: wslm-init has it too. Thread-safe.
#ifndef WSLM_DISTROS_CONFIG_WSL_CONF_H_
#define WSLM_DISTROS_CONFIG_WSL_CONF_H_

#include <optional>
#include <string>
#include <string_view>

namespace wslm {

// The value of `key` in `[section]` of a file's whole text; nullopt when it isn't there.
std::optional<std::string> WslConfValue(std::string_view text, std::string_view section, std::string_view key);

}  // namespace wslm

#endif  // WSLM_DISTROS_CONFIG_WSL_CONF_H_
