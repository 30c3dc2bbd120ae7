// Sends what is written to an image on its way to the disk early, and keeps a large import from filling the page cache.
#ifndef WSLM_DISTROS_EXT4_WRITE_BEHIND_H_
#define WSLM_DISTROS_EXT4_WRITE_BEHIND_H_

#include <cstdint>
#include <optional>

namespace wslm::ext4 {

// Tell it of every write. Nothing depends on what it does: errors show at the fsync at the end. Not thread-safe.
class WriteBehind {
 public:
  // `fd` must outlive it.
  explicit WriteBehind(int fd) : fd_(fd) {}

  void Written(uint64_t position, uint64_t count);

 private:
  // Where writes of one stretch of time went: [begin, end).
  struct Window {
    uint64_t begin = 0;
    uint64_t end = 0;
  };

  int fd_;
  std::optional<Window> window_;
  uint64_t in_window_ = 0;
  // On its way to the disk.
  std::optional<Window> sent_;
  uint64_t total_ = 0;
};

}  // namespace wslm::ext4

#endif  // WSLM_DISTROS_EXT4_WRITE_BEHIND_H_
