#include "distros/ext4/content_reader.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string_view>
#include <utility>

#include "distros/host/error.h"
#include "distros/host/status_macros.h"

namespace wslm::ext4 {
namespace {

// Small enough that the processor still has it at hand when it is copied on.
constexpr size_t kPiece = 256 << 10;

struct BlockCollector {
  std::vector<Extent>* extents;
  // Blocks of the disk: a list that names more has one twice, and such lists can be of any length.
  uint64_t left;
};

int CollectBlock(ext2_filsys, blk64_t* block, e2_blkcnt_t logical, blk64_t, int, void* to) {
  auto& collector = *static_cast<BlockCollector*>(to);
  if (collector.left == 0) return BLOCK_ABORT;
  --collector.left;
  // Below 0: blocks of the lists themselves.
  if (logical >= 0) AppendExtent(*collector.extents, {static_cast<uint32_t>(logical), 1, *block});
  return 0;
}

}  // namespace

absl::Status ContentReader::Open(Inode inode) {
  Close();
  inode_ = std::move(inode);
  if (inode_->has_flag(EXT4_INLINE_DATA_FL)) {
    ASSIGN_OR_RETURN(inline_data_, ReadInlineData(*filesystem_, *inode_));
    return absl::OkStatus();
  }
  if (!inode_->has_flag(EXT4_EXTENTS_FL)) return ListBlocks();
  ext2_extent_handle_t handle = nullptr;
  const errcode_t error = ext2fs_extent_open2(filesystem_->get(), inode_->number(), inode_->base(), &handle);
  if (error != 0) return LibraryError(error, "cannot read a file of", filesystem_->image());
  tree_.reset(handle);
  return absl::OkStatus();
}

absl::StatusOr<std::optional<std::vector<DataExtent>>> ContentReader::Extents() {
  if (inode_->has_flag(EXT4_INLINE_DATA_FL)) return std::nullopt;
  if (tree_) {
    uint64_t end = 0;
    while (true) {
      ASSIGN_OR_RETURN(const std::optional<Extent> extent, NextOfTree());
      if (!extent) break;
      // Also what keeps the list of a damaged tree short.
      if (extent->logical < end) return CorruptImage(*filesystem_, "a file's extents overlap");
      end = uint64_t{extent->logical} + extent->count;
      listed_.push_back(*extent);
    }
    tree_.reset();
  }
  const auto size = static_cast<int64_t>(inode_->size());
  const auto block_size = static_cast<int64_t>(filesystem_->block_size());
  std::vector<DataExtent> data;
  for (const Extent& extent : listed_) {
    const int64_t offset = extent.logical * block_size;
    const int64_t length = std::min(extent.count * block_size, size - offset);
    if (length <= 0) break;
    if (!data.empty() && data.back().offset + data.back().length == offset) {
      data.back().length += length;
    } else {
      data.push_back({offset, length});
    }
  }
  if (size == 0 || (data.size() == 1 && data[0] == DataExtent{0, size})) return std::nullopt;
  return data;
}

void ContentReader::Close() {
  inode_.reset();
  tree_.reset();
  tree_begun_ = false;
  tree_blocks_ = 0;
  listed_.clear();
  next_listed_ = 0;
  inline_data_.clear();
  left_ = 0;
  ascended_to_ = 0;
}

absl::Status ContentReader::ListBlocks() {
  BlockCollector collector{&listed_, filesystem_->block_count()};
  const errcode_t error = ext2fs_block_iterate3(filesystem_->get(), inode_->number(), BLOCK_FLAG_READ_ONLY, nullptr,
                                                CollectBlock, &collector);
  if (error != 0) return LibraryError(error, "cannot read a file of", filesystem_->image());
  if (collector.left == 0) return CorruptImage(*filesystem_, "a file has more blocks than its disk");
  return absl::OkStatus();
}

absl::StatusOr<std::optional<DataBlock>> ContentReader::Next() {
  if (!inode_) return std::nullopt;
  if (inode_->has_flag(EXT4_INLINE_DATA_FL)) {
    if (inline_data_.empty() || ascended_to_ > 0) return std::nullopt;
    ascended_to_ = inline_data_.size();
    return DataBlock{0, inline_data_};
  }
  while (left_ == 0) {
    ASSIGN_OR_RETURN(const std::optional<Extent> extent, NextExtent());
    if (!extent) {
      Close();
      return std::nullopt;
    }
    RETURN_IF_ERROR(TakeExtent(*extent));
  }
  if (buffer_.empty()) buffer_.resize(kPiece);
  size_t filled = 0;
  const size_t wanted = std::min<uint64_t>(left_, buffer_.size());
  while (filled < wanted) {
    const ssize_t got =
        ::pread(filesystem_->fd(), buffer_.data() + filled, wanted - filled, static_cast<off_t>(place_ + filled));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return ErrnoError("cannot read", filesystem_->image());
    if (got == 0) return CorruptImage(*filesystem_, "the image is cut short");
    filled += got;
  }
  const DataBlock block{static_cast<int64_t>(offset_), std::string_view(buffer_.data(), wanted)};
  offset_ += wanted;
  place_ += wanted;
  left_ -= wanted;
  return block;
}

absl::StatusOr<std::optional<Extent>> ContentReader::NextExtent() {
  if (tree_) return NextOfTree();
  if (next_listed_ == listed_.size()) return std::nullopt;
  return listed_[next_listed_++];
}

absl::StatusOr<std::optional<Extent>> ContentReader::NextOfTree() {
  while (true) {
    ext2fs_extent extent;
    const int step = std::exchange(tree_begun_, true) ? EXT2_EXTENT_NEXT : EXT2_EXTENT_ROOT;
    const errcode_t error = ext2fs_extent_get(tree_.get(), step, &extent);
    if (error == EXT2_ET_EXTENT_NO_NEXT) return std::nullopt;
    if (error != 0) return LibraryError(error, "cannot read a file of", filesystem_->image());
    if ((extent.e_flags & EXT2_EXTENT_FLAGS_LEAF) == 0) {
      // A tree that leads to its own blocks again could be walked for ever.
      if (++tree_blocks_ > 2 * filesystem_->block_count())
        return CorruptImage(*filesystem_, "a file's extents have no end");
      continue;
    }
    // Preallocated, never written: reads as zeros.
    if ((extent.e_flags & EXT2_EXTENT_FLAGS_UNINIT) != 0) continue;
    return Extent{static_cast<uint32_t>(extent.e_lblk), extent.e_len, extent.e_pblk};
  }
}

absl::Status ContentReader::TakeExtent(const Extent& extent) {
  const uint64_t block_size = filesystem_->block_size();
  const bool inside = extent.physical >= filesystem_->get()->super->s_first_data_block &&
                      extent.physical < filesystem_->block_count() &&
                      extent.count <= filesystem_->block_count() - extent.physical;
  if (!inside) return CorruptImage(*filesystem_, "a file's content lies outside of the disk");
  offset_ = extent.logical * block_size;
  if (offset_ < ascended_to_) return CorruptImage(*filesystem_, "a file's extents overlap");
  place_ = extent.physical * block_size;
  const uint64_t end = offset_ + extent.count * block_size;
  ascended_to_ = end;
  // Blocks may go on behind the end of the file, be it only the rest of the last.
  left_ = std::min(end, inode_->size()) - std::min(offset_, inode_->size());
  return absl::OkStatus();
}

}  // namespace wslm::ext4
