#include "runtime-v1/init/text.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "distros/host/unique_fd.h"

namespace wslm::init {
namespace {

constexpr off_t kLargestFile = 4 * 1024 * 1024;

// Bytes of the UTF-8 character that `text` begins with; 0 when it begins with none, or with a control character.
size_t PrintableLength(std::string_view text) {
  const auto first = static_cast<uint8_t>(text[0]);
  if (first < 0x80) return first >= 0x20 && first != 0x7f && first != '\\' ? 1 : 0;
  const size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() < length) return 0;
  uint32_t value = first & (0x7f >> length);
  for (size_t i = 1; i < length; ++i) {
    const auto byte = static_cast<uint8_t>(text[i]);
    if ((byte & 0xc0) != 0x80) return 0;
    value = value << 6 | (byte & 0x3f);
  }
  constexpr uint32_t kSmallest[] = {0, 0, 0x80, 0x800, 0x10000};
  const bool surrogate = value >= 0xd800 && value <= 0xdfff;
  const bool control = value < 0xa0;
  return value < kSmallest[length] || value > 0x10ffff || surrogate || control ? 0 : length;
}

}  // namespace

std::string ReadTextFile(const std::string& path) {
  // Non-blocking: a fifo in place of the file must not stop init.
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat stat;
  if (!fd || ::fstat(fd.get(), &stat) < 0 || !S_ISREG(stat.st_mode) || stat.st_size > kLargestFile) return "";
  std::string text;
  char buffer[16 * 1024];
  while (true) {
    const ssize_t got = ::read(fd.get(), buffer, sizeof(buffer));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0 || text.size() > static_cast<size_t>(kLargestFile)) return text;
    text.append(buffer, static_cast<size_t>(got));
  }
}

std::string ShellQuoted(std::string_view text) {
  std::string quoted = "'";
  for (const char c : text) {
    if (c == '\'') {
      quoted += "'\\''";
    } else {
      quoted += c;
    }
  }
  return quoted + "'";
}

std::string Escaped(std::string_view text) {
  std::string escaped;
  while (!text.empty()) {
    const size_t length = PrintableLength(text);
    if (length == 0) {
      char code[5];
      std::snprintf(code, sizeof(code), "\\x%02x", static_cast<uint8_t>(text[0]));
      escaped += code;
      text.remove_prefix(1);
    } else {
      escaped += text.substr(0, length);
      text.remove_prefix(length);
    }
  }
  return escaped;
}

}  // namespace wslm::init
