// Makes a copy of a C library in which hot system calls go to handlers of ours (handlers.c).
//
//   absl::StatusOr<PatchedLibrary> copy = PatchLibrary(bytes);
//
// A call site is a `mov $value,%reg` and a `syscall`, seven bytes: a jump to a stub at the library's end takes their
// place, which does the move, calls the handler and comes back. Sites are taken only where a disassembler, begun at the
// function's start, meets just these instructions, and no branch anywhere in the library leads between them. The second
// way of open(2), that of a program with threads, is left alone: it may be cancelled there, and a stub has no unwind
// information. No byte of the original moves.
#ifndef WSLM_RUNTIME_V1_FASTPATH_PATCHER_H_
#define WSLM_RUNTIME_V1_FASTPATH_PATCHER_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace wslm::fastpath {

struct PatchedLibrary {
  std::string bytes;
  // Where in `bytes` the WslmFastShared is, on a page of its own.
  size_t shared_offset = 0;
  // Where a process has its WslmFastBlock, from the library's load address.
  uint64_t block_address = 0;
  size_t sites = 0;
};

// INVALID_ARGUMENT: this is no library of the expected form (64-bit x86, with unwind tables and a spare program
// header), or it has no such call. Pure.
absl::StatusOr<PatchedLibrary> PatchLibrary(std::string_view library);

}  // namespace wslm::fastpath

#endif  // WSLM_RUNTIME_V1_FASTPATH_PATCHER_H_
