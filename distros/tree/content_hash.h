// The hash of a regular file's content, in which a hole and as many zeros are the same, and holes cost nothing: of the
// file's 64 KiB blocks that are not all zero, each less the zeros at its end and after its number and the length that
// is left (64 bits each, little endian), then of the file's size.
//
// SHA-256 where two contents are told equal to somebody; FastHash where a copy is looked at for faults on the way.
#ifndef WSLM_DISTROS_TREE_CONTENT_HASH_H_
#define WSLM_DISTROS_TREE_CONTENT_HASH_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "distros/tree/fast_hash.h"
#include "distros/tree/sha256.h"

namespace wslm {

// Reusable: Finish begins anew. Not thread-safe. Hash is Sha256 or FastHash.
template <typename Hash>
class ContentHash {
 public:
  // Offsets ascend and do not overlap. A last block that comes whole costs no copy where `size`, the file's, is known.
  void Write(int64_t offset, std::string_view bytes, int64_t size = INT64_MAX);
  typename Hash::Digest Finish(int64_t size);

 private:
  void AddBlock(std::string_view block);
  void FlushPartial();

  Hash hash_;
  int64_t block_ = 0;    // number of the block that `partial_` is the beginning of
  std::string partial_;  // its bytes so far
};

}  // namespace wslm

#endif  // WSLM_DISTROS_TREE_CONTENT_HASH_H_
