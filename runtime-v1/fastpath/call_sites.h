// Finds the system calls of a C library that can be sent elsewhere (patcher.h says which).
#ifndef WSLM_RUNTIME_V1_FASTPATH_CALL_SITES_H_
#define WSLM_RUNTIME_V1_FASTPATH_CALL_SITES_H_

#include <elf.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace wslm::fastpath {

// A `mov $value,%reg` of five bytes, and `syscall`.
inline constexpr size_t kCallSiteMove = 5;
inline constexpr size_t kCallSiteSize = kCallSiteMove + 2;

struct CallSite {
  size_t offset = 0;     // in the file
  uint64_t address = 0;  // as linked
  uint32_t number = 0;   // of the system call
  // Where it is put into eax: at the site, or up to three moves before.
  uint64_t number_address = 0;
};

// `segments`: the library's program headers, all within the file. Empty where the library has no unwind tables.
std::vector<CallSite> FindCallSites(std::string_view library, std::span<const Elf64_Phdr> segments);

}  // namespace wslm::fastpath

#endif  // WSLM_RUNTIME_V1_FASTPATH_CALL_SITES_H_
