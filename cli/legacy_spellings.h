// wsl.exe's spellings of our commands: `wslm --import a b c` is `wslm import a b c`.
#ifndef WSLM_CLI_LEGACY_SPELLINGS_H_
#define WSLM_CLI_LEGACY_SPELLINGS_H_

#include <string>
#include <string_view>
#include <vector>

namespace wslm::cli {

// The words after the program's name in our own spelling. What belongs to the guest is left as it is. `home` is the
// caller's home folder: a shell has made it of a first word `~`.
std::vector<std::string> RewriteLegacySpellings(std::vector<std::string> words, const std::string& home);

// What to do in place of an option of wsl.exe's that wslm doesn't have, as a sentence; empty for all other words.
std::string_view InsteadOfLegacy(std::string_view word);

}  // namespace wslm::cli

#endif  // WSLM_CLI_LEGACY_SPELLINGS_H_
