// The piece of code that makes a running program map its code image (seed.c), as lxcore writes it.
#ifndef WSLM_RUNTIME_V1_FASTPATH_SEED_H_
#define WSLM_RUNTIME_V1_FASTPATH_SEED_H_

#include <cstddef>
#include <cstdint>
#include <string>

namespace wslm::fastpath {

struct SeedPlace {
  uint64_t address = 0;  // of the seed itself
  uint64_t image = 0;    // where the image belongs, and its size
  uint64_t image_size = 0;
  uint64_t block = 0;  // a page
  // The site whose move a jump to the seed takes the place of, and the call's number there.
  uint64_t site = 0;
  uint32_t number = 0;
};

// Of all seeds. Its last bytes are a WslmFastSeedEnd.
size_t SeedSize();
std::string MakeSeed(const SeedPlace& place);

}  // namespace wslm::fastpath

#endif  // WSLM_RUNTIME_V1_FASTPATH_SEED_H_
