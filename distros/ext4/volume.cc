#include "distros/ext4/volume.h"

#include <fcntl.h>

#include <utility>

#include "distros/host/error.h"
#include "distros/host/status_macros.h"

namespace wslm::ext4 {

Volume::Volume(Filesystem filesystem)
    : filesystem_(std::move(filesystem)),
      writer_(filesystem_.fd(), filesystem_.image()),
      allocator_(&filesystem_),
      inodes_(&filesystem_) {}

absl::StatusOr<std::unique_ptr<Volume>> Volume::Open(const std::string& image) {
  ASSIGN_OR_RETURN(Filesystem filesystem, Filesystem::Open(image, Filesystem::Access::kWrite));
  return std::unique_ptr<Volume>(new Volume(std::move(filesystem)));
}

absl::Status Volume::WriteBlock(uint64_t block, std::string_view bytes) {
  return writer_.Write(block * kBlockSize, bytes);
}

absl::Status Volume::FreeBlocks(BlockRun run) {
  // Written first, or the buffer would write into the blocks once they belong to another.
  RETURN_IF_ERROR(writer_.Flush());
  allocator_.Free(run);
  // A host file system that can't make holes keeps the old content, and nothing depends on its being gone.
  (void)::fallocate(filesystem_.fd(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                    static_cast<off_t>(run.first * kBlockSize), static_cast<off_t>(uint64_t{run.count} * kBlockSize));
  return absl::OkStatus();
}

absl::Status Volume::Close() {
  RETURN_IF_ERROR(writer_.Flush());
  RETURN_IF_ERROR(inodes_.Flush());
  allocator_.Settle();
  return filesystem_.Close();
}

}  // namespace wslm::ext4
