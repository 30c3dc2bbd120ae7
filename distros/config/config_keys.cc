#include "distros/config/config_keys.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <utility>

#include "distros/config/config_file.h"
#include "distros/config/words.h"

namespace wslm {
namespace {

// A file is not to fill a terminal or a log.
constexpr size_t kMostWarnings = 20;

std::string Invalid(std::string_view what, const std::string& key, const std::string& value) {
  return "Invalid " + std::string(what) + " '" + ShownValue(value) + "' for key '" + key + "'";
}

std::optional<bool> ParseBool(std::string_view value) {
  if (value == "1" || SameWithoutCase(value, "true")) return true;
  if (value == "0" || SameWithoutCase(value, "false")) return false;
  return std::nullopt;
}

std::optional<int64_t> ParseInteger(std::string_view value) {
  const bool negative = value.starts_with('-');
  if (negative) value.remove_prefix(1);
  int base = 10;
  if (value.starts_with("0x") || value.starts_with("0X")) {
    base = 16;
    value.remove_prefix(2);
  } else if (value.size() > 1 && value[0] == '0') {
    base = 8;
  }
  int64_t number = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number, base);
  // from_chars would take a second sign.
  if (error != std::errc() || end != value.data() + value.size() || number < 0) return std::nullopt;
  return negative ? -number : number;
}

std::optional<int64_t> ParseSize(std::string_view value) {
  const std::string_view digits = value.substr(0, value.find_first_not_of("0123456789"));
  const std::string_view unit = Trimmed(value.substr(digits.size()));
  int shift = -1;
  static constexpr std::pair<std::string_view, int> kUnits[] = {
      {"", 0}, {"B", 0}, {"K", 10}, {"KB", 10}, {"M", 20}, {"MB", 20}, {"G", 30}, {"GB", 30}, {"T", 40}, {"TB", 40}};
  for (const auto& [name, power] : kUnits) {
    if (SameWithoutCase(unit, name)) shift = power;
  }
  int64_t number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (shift < 0 || error != std::errc() || number > INT64_MAX >> shift) return std::nullopt;
  return number << shift;
}

}  // namespace

void ConfigKeys::Custom(std::string key, Setter setter) { keys_.push_back({std::move(key), std::move(setter)}); }

void ConfigKeys::Bool(std::string name, bool& to) {
  Custom(std::move(name), [&to](const std::string& key, const std::string& value) -> std::string {
    const std::optional<bool> parsed = ParseBool(value);
    if (!parsed) return Invalid("boolean value", key, value);
    to = *parsed;
    return "";
  });
}

void ConfigKeys::Text(std::string name, std::string& to) {
  Custom(std::move(name), [&to](const std::string&, const std::string& value) -> std::string {
    to = value;
    return "";
  });
}

void ConfigKeys::Integer(std::string name, int64_t least, std::optional<int64_t>& to) {
  Custom(std::move(name), [least, &to](const std::string& key, const std::string& value) -> std::string {
    const std::optional<int64_t> parsed = ParseInteger(value);
    if (!parsed || *parsed < least) return Invalid("integer value", key, value);
    to = parsed;
    return "";
  });
}

void ConfigKeys::Milliseconds(std::string name, std::optional<std::chrono::milliseconds>& to) {
  Custom(std::move(name), [&to](const std::string& key, const std::string& value) -> std::string {
    const std::optional<int64_t> parsed = ParseInteger(value);
    if (!parsed) return Invalid("integer value", key, value);
    to = std::chrono::milliseconds(*parsed);
    return "";
  });
}

void ConfigKeys::Size(std::string name, std::optional<int64_t>& to) {
  Custom(std::move(name), [&to](const std::string& key, const std::string& value) -> std::string {
    const std::optional<int64_t> parsed = ParseSize(value);
    if (!parsed) return Invalid("size", key, value);
    to = parsed;
    return "";
  });
}

void ConfigKeys::Ignored(std::string_view section, std::initializer_list<std::string_view> keys) {
  for (const std::string_view key : keys) {
    Custom(std::string(section) + "." + std::string(key),
           [](const std::string&, const std::string&) { return std::string(); });
  }
}

const ConfigKeys::Key* ConfigKeys::Find(std::string_view name) const {
  const auto found =
      std::find_if(keys_.begin(), keys_.end(), [&](const Key& key) { return SameWithoutCase(key.name, name); });
  return found == keys_.end() ? nullptr : &*found;
}

std::vector<std::string> ConfigKeys::Read(std::string_view text, std::string_view path) const {
  ConfigFile file = ParseConfigFile(text, path);
  const auto warn = [&](const ConfigEntry& entry, const std::string& what, const std::string& more = "") {
    file.warnings.push_back({what + " in " + ConfigPlace(path, entry.line) + more, entry.line});
  };
  std::map<const Key*, const ConfigEntry*> seen;
  for (const ConfigEntry& entry : file.entries) {
    const Key* key = Find(entry.key);
    if (key == nullptr) {
      warn(entry, "Unknown key '" + ShownValue(entry.key) + "'");
    } else if (const auto [first, is_first] = seen.try_emplace(key, &entry); !is_first) {
      const ConfigEntry& before = *first->second;
      warn(entry, "Duplicated config key '" + entry.key + "'",
           " (Conflicting key: '" + before.key + "' in " + ConfigPlace(path, before.line) + ")");
    } else if (const std::string wrong = key->set(key->name, entry.value); !wrong.empty()) {
      warn(entry, wrong);
    }
  }
  std::stable_sort(file.warnings.begin(), file.warnings.end(),
                   [](const ConfigWarning& a, const ConfigWarning& b) { return a.line < b.line; });
  std::vector<std::string> sentences;
  for (const ConfigWarning& warning : file.warnings) {
    if (sentences.size() == kMostWarnings) {
      sentences.push_back(std::to_string(file.warnings.size() - kMostWarnings) + " more in " + std::string(path) + ".");
      break;
    }
    sentences.push_back(warning.text + ".");
  }
  return sentences;
}

}  // namespace wslm
