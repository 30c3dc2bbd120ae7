// Gathers neighbouring writes to an image into large ones.
#ifndef WSLM_DISTROS_EXT4_BLOCK_WRITER_H_
#define WSLM_DISTROS_EXT4_BLOCK_WRITER_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "distros/ext4/write_behind.h"

namespace wslm::ext4 {

// Positions are bytes in the image. Errors: DISK_FULL, IO_ERROR. Not thread-safe. What was not flushed is lost.
class BlockWriter {
 public:
  // `fd` must outlive the writer; `image` is for messages.
  BlockWriter(int fd, std::string image);

  absl::Status Write(uint64_t position, std::string_view bytes);
  absl::Status WriteZeros(uint64_t position, uint64_t count);
  absl::Status Flush();

 private:
  absl::Status WriteNow(uint64_t position, std::string_view bytes);

  int fd_;
  std::string image_;
  WriteBehind write_behind_;
  // Waits to be written at `position_`.
  std::string pending_;
  uint64_t position_ = 0;
};

}  // namespace wslm::ext4

#endif  // WSLM_DISTROS_EXT4_BLOCK_WRITER_H_
