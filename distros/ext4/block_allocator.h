// Hands out an image's free blocks in ascending runs.
#ifndef WSLM_DISTROS_EXT4_BLOCK_ALLOCATOR_H_
#define WSLM_DISTROS_EXT4_BLOCK_ALLOCATOR_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "distros/ext4/filesystem.h"

namespace wslm::ext4 {

// Neighbouring blocks.
struct BlockRun {
  uint64_t first = 0;
  uint32_t count = 0;
};

// Goes through the free space once from the start and comes back to the start at its end, so that blocks freed
// meanwhile are found when nothing else is left. Not thread-safe.
class BlockAllocator {
 public:
  // `filesystem` must outlive it.
  explicit BlockAllocator(Filesystem* filesystem) : filesystem_(filesystem) {}

  // At least one and at most `wanted` blocks. Error: DISK_FULL when the image is full.
  absl::StatusOr<BlockRun> Allocate(uint32_t wanted);
  void Free(BlockRun run);
  // Enters what was handed out in libext2fs' bitmaps and counts; call it before they are written.
  void Settle();

 private:
  absl::Status FindFreeRun();

  Filesystem* filesystem_;
  // The free run being handed out: [next_, end_).
  uint64_t next_ = 0;
  uint64_t end_ = 0;
  // Handed out, not yet in the bitmaps: one call for a long run is much cheaper than one for each file.
  uint64_t unsettled_first_ = 0;
  uint64_t unsettled_count_ = 0;
};

}  // namespace wslm::ext4

#endif  // WSLM_DISTROS_EXT4_BLOCK_ALLOCATOR_H_
