#include "runtime-v1/fastpath/seed.h"

#include <cstring>

#include "runtime-v1/fastpath/call_sites.h"
#include "runtime-v1/fastpath/code_image.h"

// Of seed.c.
extern "C" {
extern const char wslm_seed_start[] __attribute__((visibility("hidden")));
extern const char wslm_seed_move[] __attribute__((visibility("hidden")));
extern const char wslm_seed_fields[] __attribute__((visibility("hidden")));
extern const char wslm_seed_end[] __attribute__((visibility("hidden")));
}

namespace wslm::fastpath {

size_t SeedSize() { return wslm_seed_end - wslm_seed_start; }

std::string MakeSeed(const SeedPlace& place) {
  std::string seed(wslm_seed_start, SeedSize());
  const size_t move = wslm_seed_move - wslm_seed_start;
  std::memcpy(seed.data() + move + 1, &place.number, sizeof(place.number));
  const size_t back = move + kMoveSize;
  seed.replace(back, kMoveSize, Jump(place.address + back, place.site + kMoveSize));
  const uint64_t fields[] = {place.image, place.image_size, place.block};
  std::memcpy(seed.data() + (wslm_seed_fields - wslm_seed_start), fields, sizeof(fields));
  return seed;
}

}  // namespace wslm::fastpath
