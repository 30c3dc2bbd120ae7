// Writes one file's content into an image, piece by piece.
#ifndef WSLM_DISTROS_EXT4_FILE_WRITER_H_
#define WSLM_DISTROS_EXT4_FILE_WRITER_H_

#include <cstdint>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "distros/ext4/extent_tree.h"
#include "distros/ext4/volume.h"

namespace wslm::ext4 {

// Not thread-safe. Blocks that no piece touches become holes.
class FileWriter {
 public:
  // `volume` must outlive it.
  explicit FileWriter(Volume* volume) : volume_(volume) {}

  // `offset` is not before the end of the piece before.
  absl::Status Write(uint64_t offset, std::string_view bytes);
  // Fills the last block with zeros. No Write after it.
  absl::Status Finish();
  const std::vector<Extent>& extents() const { return extents_; }
  // Where the last piece ended.
  uint64_t position() const { return position_; }

 private:
  absl::Status SkipTo(uint64_t offset);
  absl::Status Zero(uint64_t count);
  // How many bytes from `position_` on lie in blocks, of which there are enough for `wanted` bytes if possible, at
  // least one.
  absl::StatusOr<uint64_t> Room(uint64_t wanted);
  uint64_t PlaceInImage() const;

  Volume* volume_;
  std::vector<Extent> extents_;
  uint64_t position_ = 0;
  // Where the last block ends.
  uint64_t mapped_end_ = 0;
};

}  // namespace wslm::ext4

#endif  // WSLM_DISTROS_EXT4_FILE_WRITER_H_
