#include "runtime-v1/lxcore/memory_map.h"

#include <sys/sysmacros.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "runtime-v1/lxcore/process_facts.h"

namespace wslm::lxcore {
namespace {

// Takes a number and the one character behind it.
template <typename Integer>
bool Take(std::string_view& text, Integer& value, int base) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc()) return false;
  text.remove_prefix(std::min<size_t>(text.size(), end - text.data() + 1));
  return true;
}

// "start-end permissions offset major:minor inode   name"
bool ParseLine(std::string_view line, Mapping& mapping) {
  constexpr size_t kPermissions = 4;
  unsigned device_major = 0, device_minor = 0;
  if (!Take(line, mapping.start, 16) || !Take(line, mapping.end, 16) || line.size() <= kPermissions) return false;
  mapping.permissions = line.substr(0, kPermissions);
  line.remove_prefix(kPermissions + 1);
  if (!Take(line, mapping.offset, 16) || !Take(line, device_major, 16) || !Take(line, device_minor, 16) ||
      !Take(line, mapping.inode, 10)) {
    return false;
  }
  mapping.device = makedev(device_major, device_minor);
  line.remove_prefix(std::min(line.size(), line.find_first_not_of(' ')));
  mapping.name = line;
  return true;
}

}  // namespace

std::vector<Mapping> ParseMemoryMap(std::string_view maps) {
  std::vector<Mapping> found;
  while (!maps.empty()) {
    const std::string_view line = maps.substr(0, maps.find('\n'));
    maps.remove_prefix(std::min(maps.size(), line.size() + 1));
    Mapping mapping;
    if (ParseLine(line, mapping)) found.push_back(std::move(mapping));
  }
  return found;
}

std::vector<Mapping> MemoryMapOf(int proc, pid_t tid) {
  return ParseMemoryMap(ReadProcFile(proc, std::to_string(tid) + "/maps"));
}

}  // namespace wslm::lxcore
