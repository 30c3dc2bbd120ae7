#include "distros/config/config_file.h"

#include <algorithm>

#include "distros/config/words.h"

namespace wslm {
namespace {

constexpr size_t kLongestShown = 64;

bool IsSpace(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f'; }

// Letters and digits, and not nothing.
bool IsName(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  });
}

class Parser {
 public:
  Parser(std::string_view text, std::string_view path) : text_(text), path_(path) {
    constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
    if (text_.starts_with(kByteOrderMark)) text_.remove_prefix(kByteOrderMark.size());
  }

  ConfigFile Parse() && {
    while (!AtEnd()) {
      start_ = line_;
      ParseLine();
    }
    return std::move(file_);
  }

 private:
  bool AtEnd() const { return position_ >= text_.size(); }
  bool At(char c) const { return !AtEnd() && text_[position_] == c; }

  void Warn(const std::string& text) { file_.warnings.push_back({text + " in " + ConfigPlace(path_, start_), start_}); }

  // A line with its continuations.
  void ParseLine() {
    const std::string_view head = Head();
    if (head.starts_with('[')) {
      SkipLine();
      EnterSection(head);
    } else if (At('=')) {
      std::string value;
      const bool valid = Value(value);
      if (!IsName(head)) {
        Warn("Invalid key name");
      } else if (valid && section_) {
        file_.entries.push_back({*section_ + "." + std::string(head), std::move(value), start_});
      }
    } else {
      if (!head.empty()) Warn("Expected '='");
      SkipLine();
    }
  }

  // Keys below a header that can't be read belong to nobody.
  void EnterSection(std::string_view head) {
    section_.reset();
    if (!head.ends_with(']')) return Warn("Expected ']'");
    const std::string_view name = Trimmed(head.substr(1, head.size() - 2));
    if (!IsName(name)) return Warn("Invalid section name");
    section_ = name;
  }

  // What lies before the next '=', '#' or line's end; leaves the position there.
  std::string_view Head() {
    const size_t start = position_;
    while (!AtEnd() && text_[position_] != '=' && text_[position_] != '#' && text_[position_] != '\n') ++position_;
    return Trimmed(text_.substr(start, position_ - start));
  }

  void SkipLine() {
    while (!AtEnd() && text_[position_] != '\n') ++position_;
    ++position_;
    ++line_;
  }

  // The value after '='; leaves the position behind its line. False: malformed.
  bool Value(std::string& value) {
    ++position_;
    size_t kept = 0;  // up to here spaces count: what was quoted or escaped, and what is no space
    bool quoted = false;
    bool valid = true;
    while (!AtEnd() && text_[position_] != '\n') {
      const char c = text_[position_++];
      if (c == '\\') {
        if (!Escape(value)) valid = false;
        kept = value.size();
      } else if (c == '"') {
        quoted = !quoted;
        kept = value.size();
      } else if (c == '#' && !quoted) {
        break;
      } else if (!quoted && IsSpace(c)) {
        if (!value.empty()) value += c;
      } else {
        value += c;
        kept = value.size();
      }
    }
    SkipLine();
    value.resize(kept);
    if (quoted) Warn("Expected '\"'");
    return valid && !quoted;
  }

  // Reads what follows a backslash. False: no such escape.
  bool Escape(std::string& value) {
    if (At('\r') && position_ + 1 < text_.size() && text_[position_ + 1] == '\n') ++position_;
    constexpr std::string_view kEscapes = "\\\"bnt\n";
    constexpr std::string_view kMeanings = "\\\"\b\n\t";
    const size_t which = AtEnd() ? std::string_view::npos : kEscapes.find(text_[position_]);
    if (which == std::string_view::npos) {
      Warn("Invalid escaped character: '" + std::string(text_.substr(std::min(position_, text_.size()), 1)) + "'");
      return false;
    }
    ++position_;
    if (which < kMeanings.size()) {
      value += kMeanings[which];
    } else {
      ++line_;
    }
    return true;
  }

  std::string_view text_;
  const std::string_view path_;
  size_t position_ = 0;
  int line_ = 1;
  // The line that what is being read began with.
  int start_ = 1;
  // None after a malformed header.
  std::optional<std::string> section_ = "";
  ConfigFile file_;
};

}  // namespace

ConfigFile ParseConfigFile(std::string_view text, std::string_view path) { return Parser(text, path).Parse(); }

std::string ConfigPlace(std::string_view path, int line) { return std::string(path) + ":" + std::to_string(line); }

std::string ShownValue(std::string_view value) {
  std::string shown(value.substr(0, kLongestShown));
  return value.size() > kLongestShown ? shown + "…" : shown;
}

}  // namespace wslm
