#include "distros/oci/registry/challenge.h"

#include <optional>

#include "absl/strings/ascii.h"

namespace wslm::oci::registry {
namespace {

// Reads from the front of a header.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  bool AtEnd() const { return text_.empty(); }

  void SkipSpace() {
    while (!text_.empty() && (text_[0] == ' ' || text_[0] == '\t')) text_.remove_prefix(1);
  }

  bool Take(char c) {
    if (text_.empty() || text_[0] != c) return false;
    text_.remove_prefix(1);
    return true;
  }

  // Empty when there is none.
  std::string Token() {
    size_t length = 0;
    while (length < text_.size() && IsTokenByte(text_[length])) ++length;
    const std::string token(text_.substr(0, length));
    text_.remove_prefix(length);
    return token;
  }

  std::optional<std::string> Value() {
    if (!Take('"')) return Token();
    std::string value;
    while (!text_.empty()) {
      char c = text_[0];
      text_.remove_prefix(1);
      if (c == '"') return value;
      if (c == '\\' && !text_.empty()) {
        c = text_[0];
        text_.remove_prefix(1);
      }
      value += c;
    }
    return std::nullopt;
  }

 private:
  static bool IsTokenByte(char c) {
    return absl::ascii_isalnum(c) || std::string_view("!#$%&'*+-.^_`|~/:").find(c) != std::string_view::npos;
  }

  std::string_view text_;
};

}  // namespace

std::vector<Challenge> ParseChallenges(std::string_view header) {
  std::vector<Challenge> challenges;
  Scanner scanner(header);
  while (true) {
    scanner.SkipSpace();
    while (scanner.Take(',')) scanner.SkipSpace();
    if (scanner.AtEnd()) return challenges;
    const std::string word = absl::AsciiStrToLower(scanner.Token());
    if (word.empty()) return challenges;
    scanner.SkipSpace();
    // A name and "=" is a parameter of the challenge before; anything else begins the next challenge.
    if (!scanner.Take('=')) {
      challenges.push_back({.scheme = word});
      continue;
    }
    scanner.SkipSpace();
    const std::optional<std::string> value = scanner.Value();
    if (!value || challenges.empty()) return challenges;
    challenges.back().parameters.emplace(word, *value);
  }
}

}  // namespace wslm::oci::registry
