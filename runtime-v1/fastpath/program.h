// Sends the hot system calls of a program that runs already to handlers of ours, as patcher.h does for a library that
// is about to be loaded: of static programs, and of C libraries that are their own loader (musl).
//
//   absl::StatusOr<ProgramPatch> patch = PatchProgram(bytes);
//
// While the only thread of a process waits in a call, lxcore writes a seed (seed.h) into the spare bytes at the end of the
// program's code, and a jump to it over the move of the call's site. The next such call runs the seed, which maps the
// image and a page for the block; then, and while the thread waits again, the moves of all sites become jumps. Whenever
// this ends, by whatever is killed, the program is one that works.
#ifndef WSLM_RUNTIME_V1_FASTPATH_PROGRAM_H_
#define WSLM_RUNTIME_V1_FASTPATH_PROGRAM_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace wslm::fastpath {

// All addresses as linked.
struct ProgramPatch {
  struct Site {
    uint64_t address = 0;
    uint64_t end = 0;  // of the `syscall`
    uint32_t number = 0;
    // All of it as it is, and the jump that its first kMoveSize bytes become.
    std::string before, after;
  };
  // In order of addresses.
  std::vector<Site> sites;
  // To be mapped at `image_address`; a WslmFastShared first, which takes no more than whole pages.
  std::string image;
  uint64_t image_address = 0;
  // A page behind the image.
  uint64_t block = 0;
  // SeedSize() bytes at the end of the code's last page, behind the segment's end: what the file has there is no part of
  // the program.
  uint64_t seed = 0;
  std::string at_seed;
  // The segment that has the sites: where it is in the file and where in memory, by whole pages.
  uint64_t code_offset = 0;
  uint64_t code_address = 0;
};

// INVALID_ARGUMENT: this is no program of the expected form (64-bit x86, with a list of sections), has no such calls,
// or no room for the seed. Pure.
absl::StatusOr<ProgramPatch> PatchProgram(std::string_view file);

}  // namespace wslm::fastpath

#endif  // WSLM_RUNTIME_V1_FASTPATH_PROGRAM_H_
