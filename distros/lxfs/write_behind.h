// Lets the disk begin with a large file while the rest of it still comes, and lets the page cache keep what it held
// before: a file of many GiB must not push out what the user works with. Small files are left to the kernel.
#ifndef WSLM_DISTROS_LXFS_WRITE_BEHIND_H_
#define WSLM_DISTROS_LXFS_WRITE_BEHIND_H_

#include <fcntl.h>

#include <cstdint>

namespace wslm {

// Of one file. Only advice to the kernel: there are no errors. Not thread-safe.
class WriteBehind {
 public:
  // The bytes from `offset` to `end` were written, all before it earlier or never.
  void Wrote(int fd, int64_t offset, int64_t end) {
    // A hole, which may be of any length.
    if (offset - started_ >= 2 * kWindow) started_ = offset / kWindow * kWindow;
    while (end - started_ >= kWindow) {
      sync_file_range(fd, started_, kWindow, SYNC_FILE_RANGE_WRITE);
      if (started_ > 0) {
        const int64_t before = started_ - kWindow;
        sync_file_range(fd, before, kWindow,
                        SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER);
        posix_fadvise(fd, before, kWindow, POSIX_FADV_DONTNEED);
      }
      started_ += kWindow;
    }
  }

 private:
  static constexpr int64_t kWindow = int64_t{32} << 20;
  int64_t started_ = 0;
};

}  // namespace wslm

#endif  // WSLM_DISTROS_LXFS_WRITE_BEHIND_H_
