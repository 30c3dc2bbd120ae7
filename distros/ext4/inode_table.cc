#include "distros/ext4/inode_table.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "distros/host/error.h"
#include "distros/host/status_macros.h"
#include "distros/host/write_at.h"

namespace wslm::ext4 {
namespace {

constexpr uint32_t kWindow = 64;

uint64_t PositionOf(const Filesystem& filesystem, uint32_t inode) {
  const uint32_t per_group = filesystem->super->s_inodes_per_group;
  const uint64_t table = ext2fs_inode_table_loc(filesystem.get(), (inode - 1) / per_group);
  return table * filesystem.block_size() + uint64_t{(inode - 1) % per_group} * kInodeSize;
}

}  // namespace

absl::StatusOr<uint32_t> InodeTable::Allocate(bool directory) {
  uint32_t inode = 0;
  if (!freed_.empty()) {
    inode = freed_.back();
    freed_.pop_back();
  } else if (next_ <= filesystem_->get()->super->s_inodes_count) {
    inode = next_++;
  } else {
    return Error(absl::StatusCode::kResourceExhausted, reason::kDiskFull,
                 absl::StrCat("The disk image ", Escaped(filesystem_->image()), " holds no more than ",
                              filesystem_->get()->super->s_inodes_count, " files. Choose a larger size."),
                 {{"path", filesystem_->image()}});
  }
  ext2fs_inode_alloc_stats2(filesystem_->get(), inode, +1, directory ? 1 : 0);
  return inode;
}

absl::Status InodeTable::Free(uint32_t inode, bool directory) {
  // A record with a link count is taken for a lost file by a checker, even where the bitmap says that it is free.
  ASSIGN_OR_RETURN(InodeRecord * place, Place(inode));
  *place = InodeRecord();
  dirty_ = true;
  ext2fs_inode_alloc_stats2(filesystem_->get(), inode, -1, directory ? 1 : 0);
  freed_.push_back(inode);
  return absl::OkStatus();
}

absl::StatusOr<InodeRecord> InodeTable::Load(uint32_t inode) {
  ASSIGN_OR_RETURN(const InodeRecord* place, Place(inode));
  return *place;
}

absl::Status InodeTable::Store(uint32_t inode, InodeRecord record) {
  if (errcode_t error = ext2fs_inode_csum_set(filesystem_->get(), inode, &record.fields); error != 0) {
    return LibraryError(error, "cannot write an inode of", filesystem_->image());
  }
  ASSIGN_OR_RETURN(InodeRecord * place, Place(inode));
  *place = record;
  dirty_ = true;
  return absl::OkStatus();
}

absl::StatusOr<InodeRecord*> InodeTable::Place(uint32_t inode) {
  const bool inside = inode >= window_first_ && inode - window_first_ < window_.size();
  if (inside) return &window_[inode - window_first_];
  RETURN_IF_ERROR(Flush());
  const uint32_t per_group = filesystem_->get()->super->s_inodes_per_group;
  const uint32_t index = (inode - 1) % per_group / kWindow * kWindow;
  window_first_ = (inode - 1) / per_group * per_group + index + 1;
  window_.assign(std::min(kWindow, per_group - index), InodeRecord());

  char* bytes = reinterpret_cast<char*>(window_.data());
  size_t wanted = window_.size() * sizeof(InodeRecord);
  uint64_t position = PositionOf(*filesystem_, window_first_);
  while (wanted > 0) {
    const ssize_t got = ::pread(filesystem_->fd(), bytes, wanted, static_cast<off_t>(position));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) {
      const int error = got < 0 ? errno : EIO;
      window_.clear();
      return ErrnoError("cannot read", filesystem_->image(), error);
    }
    bytes += got;
    position += got;
    wanted -= got;
  }
  return &window_[inode - window_first_];
}

absl::Status InodeTable::Flush() {
  if (!dirty_) return absl::OkStatus();
  RETURN_IF_ERROR(WriteAt(filesystem_->fd(), PositionOf(*filesystem_, window_first_),
                          {reinterpret_cast<const char*>(window_.data()), window_.size() * sizeof(InodeRecord)},
                          filesystem_->image()));
  dirty_ = false;
  return absl::OkStatus();
}

}  // namespace wslm::ext4
