#include "runtime-v2/host/vm_settings.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <string_view>

namespace wslm {
namespace {

constexpr int64_t kMebibyte = int64_t{1} << 20;
// Less boots no kernel with its modules.
constexpr int64_t kLeastMemoryMib = 256;
constexpr int kMostProcessors = 32;

int64_t HostMemoryMib() { return int64_t{::sysconf(_SC_PHYS_PAGES)} * ::sysconf(_SC_PAGESIZE) / kMebibyte; }

int HostProcessors() {
  cpu_set_t set;
  if (::sched_getaffinity(0, sizeof set, &set) != 0) return 1;
  return std::clamp(CPU_COUNT(&set), 1, kMostProcessors);
}

int64_t Within(int64_t least, int64_t most, int64_t wanted, std::string_view key, std::string_view unit,
               std::vector<std::string>& warnings) {
  const int64_t given = std::clamp(wanted, least, std::max(least, most));
  if (given != wanted) {
    warnings.push_back("The VM gets " + std::to_string(given) + std::string(unit) + " and not the " +
                       std::to_string(wanted) + std::string(unit) + " that " + std::string(key) + " says: it may be " +
                       std::to_string(least) + " to " + std::to_string(most) + " on this host.");
  }
  return given;
}

}  // namespace

VmSettings ChooseVmSettings(const UserConfig& config, std::vector<std::string>& warnings) {
  const int64_t memory = HostMemoryMib();
  const int processors = HostProcessors();
  VmSettings settings{.memory_mib = std::clamp<int64_t>(memory / 2, 512, 4096),
                      .processors = processors,
                      .kernel = config.kernel,
                      .swap_bytes = config.swap.value_or(0),
                      .kernel_command_line = config.kernel_command_line,
                      .localhost_forwarding = config.localhost_forwarding,
                      .network = config.network};
  if (config.memory) {
    settings.memory_mib = Within(kLeastMemoryMib, memory, *config.memory / kMebibyte, "memory", " MiB", warnings);
  }
  if (config.processors) {
    settings.processors =
        static_cast<int>(Within(1, processors, *config.processors, "processors", " processors", warnings));
  }
  return settings;
}

}  // namespace wslm
