#include "runtime-v1/init/command.h"

#include <string_view>

#include "runtime-v1/init/text.h"

namespace wslm::init {
namespace {

// A list of many sessions must fit a frame.
constexpr size_t kLongestShown = 200;

std::string BaseName(const std::string& path) { return path.substr(path.rfind('/') + 1); }

bool NeedsQuotes(std::string_view word) {
  constexpr std::string_view kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_@%+=:,./-";
  return word.empty() || word.find_first_not_of(kPlain) != std::string_view::npos;
}

std::string ShellLine(const std::vector<std::string>& words) {
  if (words.size() == 1) return words[0];
  std::string line;
  for (const std::string& word : words) {
    if (!line.empty()) line += ' ';
    line += ShellQuoted(word);
  }
  return line;
}

}  // namespace

Command CommandOf(const std::vector<std::string>& words, ::wslm::runtime::v1::Shell mode, const std::string& shell) {
  const std::string login_name = "-" + BaseName(shell);
  if (words.empty()) return {shell, {login_name}};
  if (mode == ::wslm::runtime::v1::SHELL_NONE) return {words[0], words};
  const bool login = mode == ::wslm::runtime::v1::SHELL_LOGIN;
  return {shell, {login ? login_name : BaseName(shell), "-c", ShellLine(words)}};
}

std::string ShownCommand(const std::vector<std::string>& words, const std::string& shell) {
  if (words.empty()) return Escaped(shell);
  std::string shown;
  for (const std::string& word : words) {
    if (!shown.empty()) shown += ' ';
    shown += Escaped(words.size() > 1 && NeedsQuotes(word) ? ShellQuoted(word) : word);
    if (shown.size() <= kLongestShown) continue;
    size_t end = kLongestShown;
    // Not in the middle of a UTF-8 character.
    while ((static_cast<unsigned char>(shown[end]) & 0xc0) == 0x80) --end;
    return shown.substr(0, end) + "…";
  }
  return shown;
}

}  // namespace wslm::init
