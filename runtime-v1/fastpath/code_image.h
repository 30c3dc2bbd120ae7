// What is mapped beside code whose calls are sent elsewhere: the pages of a WslmFastShared, the handlers (handlers.c),
// and a stub for each call site, which does the site's moves, calls the handlers and comes back behind the site.
#ifndef WSLM_RUNTIME_V1_FASTPATH_CODE_IMAGE_H_
#define WSLM_RUNTIME_V1_FASTPATH_CODE_IMAGE_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime-v1/fastpath/call_sites.h"

namespace wslm::fastpath {

inline constexpr uint64_t kPage = 4096;

// `to`: a power of two.
inline constexpr uint64_t RoundUp(uint64_t value, uint64_t to) { return (value + to - 1) & ~(to - 1); }

// `jmp` from `address` to `to`, in kMoveSize bytes.
std::string Jump(uint64_t address, uint64_t to);

struct CodeImage {
  std::string bytes;
  // Where a process has its WslmFastBlock.
  uint64_t block = 0;
  // In the order of the sites: what takes the place of their moves.
  std::vector<std::string> jumps;
};

// `file` has the `sites`. `base`: where the image will be, as linked, at a page's start and within 2 GiB of all sites.
// `loaded`: from where WslmFastShared counts the block's address. `block`: nullopt is the page behind the image.
CodeImage MakeCodeImage(std::string_view file, std::span<const CallSite> sites, uint64_t base, uint64_t loaded,
                        std::optional<uint64_t> block);

}  // namespace wslm::fastpath

#endif  // WSLM_RUNTIME_V1_FASTPATH_CODE_IMAGE_H_
