#include "distros/tree/fast_hash.h"

#include <cstring>
#include <new>

namespace wslm {

FastHash::FastHash() : state_(XXH3_createState()) {
  if (state_ == nullptr) throw std::bad_alloc();
  XXH3_128bits_reset(state_.get());
}

FastHash::Digest FastHash::Finish() {
  XXH128_canonical_t canonical;
  XXH128_canonicalFromHash(&canonical, XXH3_128bits_digest(state_.get()));
  XXH3_128bits_reset(state_.get());
  Digest digest;
  static_assert(sizeof(digest) == sizeof(canonical.digest));
  std::memcpy(digest.data(), canonical.digest, digest.size());
  return digest;
}

}  // namespace wslm
