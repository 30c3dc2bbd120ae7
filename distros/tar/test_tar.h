// Tar archives made block by block, for tests: also such as no tool would write.
#ifndef WSLM_DISTROS_TAR_TEST_TAR_H_
#define WSLM_DISTROS_TAR_TEST_TAR_H_

#include <cstdio>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace wslm {

struct TestMember {
  std::string name;
  char type = '0';
  std::string content;
  std::string link;
  unsigned mode = 0644;
  // Octal digits; what doesn't fit is cut.
  unsigned long uid = 0;
  // Instead of the content's size, when not empty.
  std::string size_field;
};

// A header with its content, padded.
inline std::string TarMember(const TestMember& member) {
  std::string block(512, '\0');
  const auto put = [&](size_t offset, size_t size, std::string_view text) {
    std::memcpy(block.data() + offset, text.data(), std::min(size, text.size()));
  };
  char number[16];
  put(0, 100, member.name);
  std::snprintf(number, sizeof(number), "%07o", member.mode);
  put(100, 8, number);
  std::snprintf(number, sizeof(number), "%07lo", member.uid);
  put(108, 8, number);
  put(116, 8, "0000000");
  std::snprintf(number, sizeof(number), "%011zo", member.content.size());
  put(124, 12, member.size_field.empty() ? number : member.size_field);
  put(136, 12, "00000000000");
  block[156] = member.type;
  put(157, 100, member.link);
  put(257, 8, std::string_view("ustar\00000", 8));
  put(148, 8, "        ");
  unsigned sum = 0;
  for (const char c : block) sum += static_cast<unsigned char>(c);
  std::snprintf(number, sizeof(number), "%06o", sum);
  put(148, 7, std::string_view(number, 7));
  block += member.content;
  block.resize((block.size() + 511) / 512 * 512, '\0');
  return block;
}

// A pax extended header of several records for the member that follows.
inline std::string PaxHeaders(const std::vector<std::pair<std::string, std::string>>& values) {
  std::string records;
  for (const auto& [key, value] : values) {
    // The record's length counts itself.
    size_t length = key.size() + value.size() + 3;
    while (length < key.size() + value.size() + 3 + std::to_string(length).size()) ++length;
    records.append(std::to_string(length)).append(" ").append(key).append("=").append(value).append("\n");
  }
  return TarMember({.name = "pax", .type = 'x', .content = records});
}

inline std::string PaxHeader(std::string_view key, std::string_view value) {
  return PaxHeaders({{std::string(key), std::string(value)}});
}

inline std::string TarEnd() { return std::string(1024, '\0'); }

}  // namespace wslm

#endif  // WSLM_DISTROS_TAR_TEST_TAR_H_
