#include "cli/grammar.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "cli/output/text.h"

namespace wslm::cli {
namespace {

std::vector<std::string> From(const std::vector<std::string>& words, size_t begin) {
  return {words.begin() + static_cast<std::ptrdiff_t>(begin), words.end()};
}

}  // namespace

CommandLine ReadCommandLine(const std::vector<std::string>& words, const std::vector<std::string>& commands) {
  const auto known = [&](const std::string& name) { return std::ranges::find(commands, name) != commands.end(); };
  if (words.empty() || words[0].starts_with("-")) {
    return {.command = "run", .words = words, .bare = false, .short_run = true};
  }
  if (words.size() > 1) {
    const std::string pair = absl::StrCat(words[0], " ", words[1]);
    if (known(pair)) return {.command = pair, .words = From(words, 2)};
  }
  if (known(words[0])) return {.command = words[0], .words = From(words, 1)};
  const std::string family = absl::StrCat(words[0], " ");
  if (std::ranges::any_of(commands, [&](const std::string& name) { return name.starts_with(family); })) {
    return {.command = words[0], .words = From(words, 1)};
  }
  return {.command = "run", .words = words, .bare = true, .short_run = true};
}

std::string CloseCommand(const std::string& word, const std::vector<std::string>& commands) {
  std::string closest;
  size_t least = 3;
  for (const std::string& command : commands) {
    const std::string first = command.substr(0, command.find(' '));
    const size_t distance = EditDistance(word, first);
    // A word of three letters is two changes away from everything.
    if (distance < least && distance * 3 <= first.size()) {
      least = distance;
      closest = first;
    }
  }
  return closest;
}

}  // namespace wslm::cli
