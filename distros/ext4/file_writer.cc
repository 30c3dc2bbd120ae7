#include "distros/ext4/file_writer.h"

#include <algorithm>

#include "distros/host/status_macros.h"

namespace wslm::ext4 {
namespace {

uint64_t RoundedUp(uint64_t offset) { return (offset + kBlockSize - 1) / kBlockSize * kBlockSize; }
uint64_t RoundedDown(uint64_t offset) { return offset / kBlockSize * kBlockSize; }

}  // namespace

absl::Status FileWriter::Write(uint64_t offset, std::string_view bytes) {
  if (bytes.empty()) return absl::OkStatus();
  RETURN_IF_ERROR(SkipTo(offset));
  while (!bytes.empty()) {
    ASSIGN_OR_RETURN(const uint64_t room, Room(bytes.size()));
    const size_t piece = std::min<uint64_t>(room, bytes.size());
    RETURN_IF_ERROR(volume_->writer().Write(PlaceInImage(), bytes.substr(0, piece)));
    bytes.remove_prefix(piece);
    position_ += piece;
  }
  return absl::OkStatus();
}

absl::Status FileWriter::Finish() { return Zero(RoundedUp(position_) - position_); }

absl::Status FileWriter::SkipTo(uint64_t offset) {
  if (offset == position_) return absl::OkStatus();
  // The rest of the block that the last piece ended in, then the start of the one that the next begins in.
  RETURN_IF_ERROR(Zero(std::min(RoundedUp(position_), offset) - position_));
  position_ = std::max(position_, RoundedDown(offset));
  return Zero(offset - position_);
}

absl::Status FileWriter::Zero(uint64_t count) {
  while (count > 0) {
    ASSIGN_OR_RETURN(const uint64_t room, Room(count));
    const uint64_t piece = std::min(room, count);
    RETURN_IF_ERROR(volume_->writer().WriteZeros(PlaceInImage(), piece));
    position_ += piece;
    count -= piece;
  }
  return absl::OkStatus();
}

absl::StatusOr<uint64_t> FileWriter::Room(uint64_t wanted) {
  if (position_ >= mapped_end_) {
    const uint64_t blocks = std::min<uint64_t>(RoundedUp(wanted) / kBlockSize, kExtentLimit);
    ASSIGN_OR_RETURN(const BlockRun run, volume_->allocator().Allocate(static_cast<uint32_t>(blocks)));
    AppendExtent(extents_, {static_cast<uint32_t>(position_ / kBlockSize), run.count, run.first});
    mapped_end_ = position_ + uint64_t{run.count} * kBlockSize;
  }
  return mapped_end_ - position_;
}

uint64_t FileWriter::PlaceInImage() const {
  const Extent& last = extents_.back();
  return last.physical * kBlockSize + (position_ - uint64_t{last.logical} * kBlockSize);
}

}  // namespace wslm::ext4
