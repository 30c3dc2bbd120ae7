#include "distros/ext4/block_allocator.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "distros/host/error.h"
#include "distros/host/status_macros.h"

namespace wslm::ext4 {

absl::StatusOr<BlockRun> BlockAllocator::Allocate(uint32_t wanted) {
  if (next_ == end_) RETURN_IF_ERROR(FindFreeRun());
  const BlockRun run = {next_, static_cast<uint32_t>(std::min<uint64_t>(wanted, end_ - next_))};
  next_ += run.count;
  if (unsettled_count_ == 0) unsettled_first_ = run.first;
  unsettled_count_ += run.count;
  return run;
}

void BlockAllocator::Free(BlockRun run) {
  Settle();
  ext2fs_block_alloc_stats_range(filesystem_->get(), run.first, run.count, -1);
}

void BlockAllocator::Settle() {
  if (unsettled_count_ == 0) return;
  // libext2fs takes 32 bits of count.
  while (unsettled_count_ > 0) {
    const uint32_t count = static_cast<uint32_t>(std::min<uint64_t>(unsettled_count_, 1U << 30));
    ext2fs_block_alloc_stats_range(filesystem_->get(), unsettled_first_, count, +1);
    unsettled_first_ += count;
    unsettled_count_ -= count;
  }
}

absl::Status BlockAllocator::FindFreeRun() {
  Settle();
  const ext2_filsys fs = filesystem_->get();
  const uint64_t last = filesystem_->block_count() - 1;
  const uint64_t start = fs->super->s_first_data_block;
  blk64_t first = 0;
  bool found =
      end_ <= last && ext2fs_find_first_zero_block_bitmap2(fs->block_map, std::max(end_, start), last, &first) == 0;
  if (!found) found = ext2fs_find_first_zero_block_bitmap2(fs->block_map, start, last, &first) == 0;
  if (!found) {
    const uint64_t bytes = filesystem_->block_count() * filesystem_->block_size();
    return Error(absl::StatusCode::kResourceExhausted, reason::kDiskFull,
                 absl::StrCat("The disk image ", Escaped(filesystem_->image()), " is full: its size is ", bytes >> 20,
                              " MiB. Choose a larger size."),
                 {{"path", filesystem_->image()}, {"size", absl::StrCat(bytes)}});
  }
  blk64_t used = 0;
  const bool bounded = first < last && ext2fs_find_first_set_block_bitmap2(fs->block_map, first, last, &used) == 0;
  next_ = first;
  end_ = bounded ? used : last + 1;
  return absl::OkStatus();
}

}  // namespace wslm::ext4
