// Words and numbers in small text files. Standard library only. Thread-safe.
#ifndef WSLM_DISTROS_CONFIG_WORDS_H_
#define WSLM_DISTROS_CONFIG_WORDS_H_

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace wslm {

// `text` cut at each `separator`: "a::b" gives "a", "", "b".
std::vector<std::string_view> Split(std::string_view text, char separator);

// `text` without blanks at both ends.
std::string_view Trimmed(std::string_view text);

// Whether they differ in nothing but the case of ASCII letters.
bool SameWithoutCase(std::string_view a, std::string_view b);

// Decimal digits only, and no more than an id can be (4294967295 means "no id"); else nullopt.
std::optional<uint32_t> ParseId(std::string_view text);

}  // namespace wslm

#endif  // WSLM_DISTROS_CONFIG_WORDS_H_
