// Finds the system calls of a C library or program that can be sent elsewhere (patcher.h and program.h say where).
//
// A site is the `mov $number,%eax` of a call, the few moves that follow it, and its `syscall`. Only the five bytes of
// the first move are ever written to: who comes to the site behind them makes the call as before, be it by a branch or
// by the end of a signal's handler.
#ifndef WSLM_RUNTIME_V1_FASTPATH_CALL_SITES_H_
#define WSLM_RUNTIME_V1_FASTPATH_CALL_SITES_H_

#include <elf.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace wslm::fastpath {

// A `mov $number,%eax`, and a jump that takes its place.
inline constexpr size_t kMoveSize = 5;
inline constexpr size_t kSyscallSize = 2;

struct CallSite {
  size_t offset = 0;     // in the file
  uint64_t address = 0;  // as linked
  uint32_t number = 0;   // of the system call
  size_t size = 0;       // to the end of `syscall`
};

// Whether handlers.c serves the system call.
bool IsServed(int number);

// The program headers. INVALID_ARGUMENT: `file` is no 64-bit x86 library or program, or a segment lies outside of it.
absl::StatusOr<std::vector<Elf64_Phdr>> ReadSegments(std::string_view file);

// In order of addresses. `segments`: ReadSegments'. Sites are looked for in the sections of code only, and taken where
// a disassembler comes to the move from wherever it begins before it, and no branch leads into the move.
std::vector<CallSite> FindCallSites(std::string_view file, std::span<const Elf64_Phdr> segments);

}  // namespace wslm::fastpath

#endif  // WSLM_RUNTIME_V1_FASTPATH_CALL_SITES_H_
