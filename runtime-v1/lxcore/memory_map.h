// What a process has mapped, by /proc/PID/maps.
#ifndef WSLM_RUNTIME_V1_LXCORE_MEMORY_MAP_H_
#define WSLM_RUNTIME_V1_LXCORE_MEMORY_MAP_H_

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace wslm::lxcore {

struct Mapping {
  uint64_t start = 0, end = 0;
  // "r-xp" and the like.
  std::string permissions;
  // In the file; of the file system, as major(3) and minor(3) take it; 0 without a file.
  uint64_t offset = 0;
  dev_t device = 0;
  uint64_t inode = 0;
  // As the reader's root shows it; "[heap]" and the like; empty. A removed file's ends in " (deleted)".
  std::string name;

  bool Has(uint64_t address) const { return address >= start && address < end; }
};

// In order of addresses. Lines that aren't as proc_pid_maps(5) says are left out.
std::vector<Mapping> ParseMemoryMap(std::string_view maps);
// `proc`: the host's. Empty when the process is gone, or isn't ours to look at.
std::vector<Mapping> MemoryMapOf(int proc, pid_t tid);

}  // namespace wslm::lxcore

#endif  // WSLM_RUNTIME_V1_LXCORE_MEMORY_MAP_H_
