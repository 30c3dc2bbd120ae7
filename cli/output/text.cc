#include "cli/output/text.h"

#include <algorithm>
#include <cstdint>
#include <vector>

#include "absl/strings/str_cat.h"

namespace wslm::cli {
namespace {

struct Character {
  uint32_t code = 0;
  size_t bytes = 0;  // 0: not UTF-8.
};

Character Decode(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  const uint8_t first = byte(0);
  if (first < 0x80) return {first, 1};
  const size_t bytes = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() < bytes) return {};
  uint32_t code = first & (0x7f >> bytes);
  for (size_t i = 1; i < bytes; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return {};
    code = code << 6 | (byte(i) & 0x3f);
  }
  const uint32_t least = bytes == 4 ? 0x10000 : bytes == 3 ? 0x800 : 0x80;
  if (code < least || code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) return {};
  return {code, bytes};
}

// The wide and the combining blocks of Unicode, in the rough: an error of a column shortens a path a little more.
size_t Columns(uint32_t code) {
  if ((code >= 0x300 && code < 0x370) || (code >= 0x200b && code < 0x2010) || (code >= 0xfe00 && code < 0xfe10))
    return 0;
  const bool wide = (code >= 0x1100 && code < 0x1160) || (code >= 0x2e80 && code < 0xa4d0) ||
                    (code >= 0xac00 && code < 0xd7a4) || (code >= 0xf900 && code < 0xfb00) ||
                    (code >= 0xfe30 && code < 0xfe70) || (code >= 0xff00 && code < 0xff61) ||
                    (code >= 0xffe0 && code < 0xffe7) || (code >= 0x1f300 && code < 0x1f650) ||
                    (code >= 0x1f900 && code < 0x1fa00) || (code >= 0x20000 && code < 0x3fffe);
  return wide ? 2 : 1;
}

struct Piece {
  std::string_view bytes;
  size_t columns;
};

std::vector<Piece> Split(std::string_view text) {
  std::vector<Piece> pieces;
  while (!text.empty()) {
    const Character character = Decode(text);
    const size_t bytes = std::max<size_t>(character.bytes, 1);
    pieces.push_back({text.substr(0, bytes), character.bytes == 0 ? 1 : Columns(character.code)});
    text.remove_prefix(bytes);
  }
  return pieces;
}

}  // namespace

bool IsUtf8(std::string_view text) {
  while (!text.empty()) {
    const Character character = Decode(text);
    if (character.bytes == 0) return false;
    text.remove_prefix(character.bytes);
  }
  return true;
}

size_t DisplayWidth(std::string_view text) {
  size_t width = 0;
  for (const Piece& piece : Split(text)) width += piece.columns;
  return width;
}

std::string ShortenMiddle(std::string_view text, size_t width) {
  if (DisplayWidth(text) <= width) return std::string(text);
  if (width < 4) return "";
  const std::vector<Piece> pieces = Split(text);
  // The end of a path tells more than its beginning.
  size_t left = (width - 3) / 3;
  size_t right = width - 3 - left;
  std::string head;
  for (size_t i = 0; i < pieces.size() && pieces[i].columns <= left; ++i) {
    head += pieces[i].bytes;
    left -= pieces[i].columns;
  }
  size_t begin = pieces.size();
  while (begin > 0 && pieces[begin - 1].columns <= right) right -= pieces[--begin].columns;
  std::string tail;
  for (size_t i = begin; i < pieces.size(); ++i) tail += pieces[i].bytes;
  return absl::StrCat(head, "...", tail);
}

std::string PadRight(std::string_view text, size_t width) {
  const size_t used = DisplayWidth(text);
  return std::string(text) + std::string(used < width ? width - used : 0, ' ');
}

std::string Counted(int64_t count, std::string_view noun) {
  return absl::StrCat(count, " ", std::string(noun), count == 1 ? "" : "s");
}

size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<std::vector<size_t>> cost(a.size() + 1, std::vector<size_t>(b.size() + 1));
  for (size_t i = 0; i <= a.size(); ++i) {
    for (size_t j = 0; j <= b.size(); ++j) {
      if (i == 0 || j == 0) {
        cost[i][j] = i + j;
        continue;
      }
      cost[i][j] =
          std::min({cost[i - 1][j] + 1, cost[i][j - 1] + 1, cost[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        cost[i][j] = std::min(cost[i][j], cost[i - 2][j - 2] + 1);
      }
    }
  }
  return cost[a.size()][b.size()];
}

}  // namespace wslm::cli
