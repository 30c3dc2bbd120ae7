// The keys that a configuration file may have, and where their values go. A key that is unknown, repeated (the first
// counts) or has a wrong value (the setting stays as it is) gives a warning and stops nothing.
//
//   bool enabled = true;
//   ConfigKeys keys;
//   keys.Bool("automount.enabled", enabled);
//   std::vector<std::string> warnings = keys.Read(text, "/etc/wsl.conf");
//
// Standard library only. Not thread-safe.
#ifndef WSLM_DISTROS_CONFIG_CONFIG_KEYS_H_
#define WSLM_DISTROS_CONFIG_CONFIG_KEYS_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace wslm {

class ConfigKeys {
 public:
  // What is wrong with a value, the beginning of a sentence that ends in " in PATH:LINE."; empty when nothing is.
  using Setter = std::function<std::string(const std::string& key, const std::string& value)>;

  // `key` is "section.key". `to` must live until Read.
  void Bool(std::string key, bool& to);
  // As it is written.
  void Text(std::string key, std::string& to);
  // A number, decimal, hexadecimal (0x) or octal (0), from `least` on.
  void Integer(std::string key, int64_t least, std::optional<int64_t>& to);
  // Milliseconds; below 0 is "never": negative.
  void Milliseconds(std::string key, std::optional<std::chrono::milliseconds>& to);
  // Bytes: a number and perhaps B, K, KB, M, MB, G, GB, T or TB, which are powers of 1024.
  void Size(std::string key, std::optional<int64_t>& to);
  void Custom(std::string key, Setter setter);
  // WSL's keys that have no meaning here: no warning.
  void Ignored(std::string_view section, std::initializer_list<std::string_view> keys);

  // Sentences, in the order of the lines; of very many only the first ones, and that there are more.
  std::vector<std::string> Read(std::string_view text, std::string_view path) const;

 private:
  struct Key {
    std::string name;
    Setter set;
  };
  const Key* Find(std::string_view name) const;

  std::vector<Key> keys_;
};

}  // namespace wslm

#endif  // WSLM_DISTROS_CONFIG_CONFIG_KEYS_H_
