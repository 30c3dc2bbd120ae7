// Text as a terminal shows it.
#ifndef WSLM_CLI_OUTPUT_TEXT_H_
#define WSLM_CLI_OUTPUT_TEXT_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace wslm::cli {

bool IsUtf8(std::string_view text);

// Columns that a terminal needs for `text` (UTF-8 without control characters).
size_t DisplayWidth(std::string_view text);

// `text` with its middle replaced by "..." until it needs at most `width` columns; empty below 4 columns.
std::string ShortenMiddle(std::string_view text, size_t width);

// `text` followed by as many blanks as `width` columns need.
std::string PadRight(std::string_view text, size_t width);

// "1 fault", "2 faults".
std::string Counted(int64_t count, std::string_view noun);

// Insertions, deletions, replacements and swaps of neighbours that make `a` of `b`, in bytes.
size_t EditDistance(std::string_view a, std::string_view b);

}  // namespace wslm::cli

#endif  // WSLM_CLI_OUTPUT_TEXT_H_
