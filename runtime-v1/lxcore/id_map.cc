#include "runtime-v1/lxcore/id_map.h"

#include <algorithm>
#include <charconv>
#include <cstdio>

namespace wslm::lxcore {
namespace {

constexpr size_t kMostRanges = 340;

bool TakeNumber(std::string_view& line, uint32_t& number) {
  line.remove_prefix(std::min(line.size(), line.find_first_not_of(" \t")));
  const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), number);
  if (error != std::errc()) return false;
  line.remove_prefix(end - line.data());
  return line.empty() || line[0] == ' ' || line[0] == '\t';
}

bool Overlap(uint32_t a, uint32_t a_count, uint32_t b, uint32_t b_count) {
  return a < uint64_t{b} + b_count && b < uint64_t{a} + a_count;
}

}  // namespace

std::optional<uint32_t> IdMap::Outside(uint32_t inside) const {
  for (const Range& range : ranges) {
    if (inside >= range.inside && inside - range.inside < range.count) return range.outside + (inside - range.inside);
  }
  return std::nullopt;
}

bool IdMap::Knows(uint32_t outside) const {
  return std::any_of(ranges.begin(), ranges.end(), [outside](const Range& range) {
    return outside >= range.outside && outside - range.outside < range.count;
  });
}

uint32_t IdMap::Inside(uint32_t outside) const {
  for (const Range& range : ranges) {
    if (outside >= range.outside && outside - range.outside < range.count)
      return range.inside + (outside - range.outside);
  }
  return kOverflowId;
}

std::string IdMap::Text() const {
  std::string text;
  for (const Range& range : ranges) {
    char line[48];
    std::snprintf(line, sizeof(line), "%10u %10u %10u\n", range.inside, range.outside, range.count);
    text += line;
  }
  return text;
}

std::optional<IdMap> ParseIdMap(std::string_view text) {
  IdMap map;
  // Programs write their strings with the NUL.
  text = text.substr(0, text.find('\0'));
  while (!text.empty()) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    IdMap::Range range;
    if (!TakeNumber(line, range.inside) || !TakeNumber(line, range.outside) || !TakeNumber(line, range.count) ||
        line.find_first_not_of(" \t") != std::string_view::npos) {
      return std::nullopt;
    }
    // -1 is no id.
    constexpr uint64_t kEnd = UINT32_MAX;
    if (range.count == 0 || uint64_t{range.inside} + range.count > kEnd ||
        uint64_t{range.outside} + range.count > kEnd || map.ranges.size() == kMostRanges) {
      return std::nullopt;
    }
    for (const IdMap::Range& other : map.ranges) {
      if (Overlap(range.inside, range.count, other.inside, other.count) ||
          Overlap(range.outside, range.count, other.outside, other.count)) {
        return std::nullopt;
      }
    }
    map.ranges.push_back(range);
  }
  if (map.ranges.empty()) return std::nullopt;
  return map;
}

}  // namespace wslm::lxcore
