#include "distros/ext4/write_behind.h"

#include <fcntl.h>

#include <algorithm>

namespace wslm::ext4 {
namespace {

constexpr uint64_t kWindow = uint64_t{128} << 20;
// A distro up to this size stays in the cache: it is verified and started next.
constexpr uint64_t kKept = uint64_t{1} << 30;

}  // namespace

void WriteBehind::Written(uint64_t position, uint64_t count) {
  if (!window_) window_ = Window{position, position};
  window_->begin = std::min(window_->begin, position);
  window_->end = std::max(window_->end, position + count);
  in_window_ += count;
  total_ += count;
  if (in_window_ < kWindow) return;

  const auto sync = [this](const Window& window, unsigned flags) {
    return ::sync_file_range(fd_, static_cast<off_t>(window.begin), static_cast<off_t>(window.end - window.begin),
                             flags);
  };
  (void)sync(*window_, SYNC_FILE_RANGE_WRITE);
  if (sent_ && total_ > kKept) {
    // Only what has reached the disk can leave the cache.
    (void)sync(*sent_, SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER);
    (void)::posix_fadvise(fd_, static_cast<off_t>(sent_->begin), static_cast<off_t>(sent_->end - sent_->begin),
                          POSIX_FADV_DONTNEED);
  }
  sent_ = window_;
  window_.reset();
  in_window_ = 0;
}

}  // namespace wslm::ext4
