#include "distros/config/wsl_conf.h"

namespace wslm {
namespace {

bool IsSpace(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f'; }

char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool SameWithoutCase(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i) {
    if (Lower(a[i]) != Lower(b[i])) return false;
  }
  return true;
}

std::string_view Trimmed(std::string_view text) {
  while (!text.empty() && IsSpace(text.front())) text.remove_prefix(1);
  while (!text.empty() && IsSpace(text.back())) text.remove_suffix(1);
  return text;
}

// Letters and digits, and not nothing.
bool IsKey(std::string_view text) {
  if (text.empty()) return false;
  for (const char c : text) {
    if ((Lower(c) < 'a' || Lower(c) > 'z') && (c < '0' || c > '9')) return false;
  }
  return true;
}

// Walks the text; each step reads one line, continuations included.
class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {
    constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
    if (text_.substr(0, kByteOrderMark.size()) == kByteOrderMark) text_.remove_prefix(kByteOrderMark.size());
  }

  bool AtEnd() const { return position_ >= text_.size(); }

  // What lies before the next '=', '#' or line's end; leaves the position there.
  std::string_view Head() {
    const size_t start = position_;
    while (!AtEnd() && text_[position_] != '=' && text_[position_] != '#' && text_[position_] != '\n') ++position_;
    return Trimmed(text_.substr(start, position_ - start));
  }

  bool At(char c) const { return !AtEnd() && text_[position_] == c; }

  void SkipLine() {
    while (!AtEnd() && text_[position_] != '\n') ++position_;
    ++position_;
  }

  // The value after '='; leaves the position behind its line. nullopt: malformed.
  std::optional<std::string> Value() {
    ++position_;
    std::string value;
    size_t kept = 0;  // up to here spaces count: what was quoted or escaped, and what is no space
    bool quoted = false;
    bool valid = true;
    while (!AtEnd()) {
      const char c = text_[position_++];
      if (c == '\n') {
        --position_;
        break;
      }
      if (c == '\\') {
        if (!Escape(value)) valid = false;
        kept = value.size();
      } else if (c == '"') {
        quoted = !quoted;
        kept = value.size();
      } else if (c == '#' && !quoted) {
        break;
      } else if (!quoted && IsSpace(c)) {
        if (!value.empty() || kept > 0) value += c;
      } else {
        value += c;
        kept = value.size();
      }
    }
    SkipLine();
    value.resize(kept);
    if (quoted || !valid) return std::nullopt;
    return value;
  }

 private:
  // Reads what follows a backslash. False: no such escape.
  bool Escape(std::string& value) {
    if (At('\r') && position_ + 1 < text_.size() && text_[position_ + 1] == '\n') ++position_;
    if (AtEnd()) return false;
    const char c = text_[position_];
    // A line's end that is not consumed ends the line, malformed or not.
    if (c != '\n' && c != '\\' && c != '"' && c != 'b' && c != 'n' && c != 't') return false;
    ++position_;
    switch (c) {
      case '\n':
        break;
      case 'b':
        value += '\b';
        break;
      case 'n':
        value += '\n';
        break;
      case 't':
        value += '\t';
        break;
      default:
        value += c;
    }
    return true;
  }

  std::string_view text_;
  size_t position_ = 0;
};

}  // namespace

std::optional<std::string> WslConfValue(std::string_view text, std::string_view section, std::string_view key) {
  Reader reader(text);
  bool in_section = false;
  while (!reader.AtEnd()) {
    const std::string_view head = reader.Head();
    if (!head.empty() && head.front() == '[') {
      const bool closed = head.size() > 2 && head.back() == ']';
      in_section = closed && SameWithoutCase(Trimmed(head.substr(1, head.size() - 2)), section);
      reader.SkipLine();
    } else if (reader.At('=')) {
      const std::optional<std::string> value = reader.Value();
      if (in_section && value && IsKey(head) && SameWithoutCase(head, key)) return value;
    } else {
      reader.SkipLine();
    }
  }
  return std::nullopt;
}

}  // namespace wslm
