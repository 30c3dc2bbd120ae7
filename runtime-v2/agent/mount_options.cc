#include "runtime-v2/agent/mount_options.h"

#include <sys/mount.h>

#include <algorithm>
#include <iterator>

namespace wslm {
namespace {

struct Flag {
  std::string_view name;
  unsigned long set;
  unsigned long cleared;
};

constexpr Flag kFlags[] = {
    {"defaults", 0, 0},           {"ro", MS_RDONLY, 0},
    {"rw", 0, MS_RDONLY},         {"noexec", MS_NOEXEC, 0},
    {"exec", 0, MS_NOEXEC},       {"nosuid", MS_NOSUID, 0},
    {"suid", 0, MS_NOSUID},       {"nodev", MS_NODEV, 0},
    {"dev", 0, MS_NODEV},         {"noatime", MS_NOATIME, 0},
    {"atime", 0, MS_NOATIME},     {"nodiratime", MS_NODIRATIME, 0},
    {"relatime", MS_RELATIME, 0}, {"strictatime", MS_STRICTATIME, 0},
    {"lazytime", MS_LAZYTIME, 0}, {"sync", MS_SYNCHRONOUS, 0},
    {"async", 0, MS_SYNCHRONOUS}, {"dirsync", MS_DIRSYNC, 0},
};

}  // namespace

MountOptions ParseMountOptions(std::string_view options) {
  MountOptions result;
  while (!options.empty()) {
    const std::string_view word = options.substr(0, options.find(','));
    options.remove_prefix(std::min(options.size(), word.size() + 1));
    const auto* const flag =
        std::find_if(std::begin(kFlags), std::end(kFlags), [&](const Flag& one) { return one.name == word; });
    if (flag != std::end(kFlags)) {
      result.flags = (result.flags | flag->set) & ~flag->cleared;
    } else if (!word.empty()) {
      if (!result.data.empty()) result.data += ',';
      result.data += word;
    }
  }
  return result;
}

}  // namespace wslm
