// What is done to an ext4 image that nobody has mounted: another size, free room given back to the host, repair.
//
// The caller holds the image's lock. None of these is thread-safe for one image.
#ifndef WSLM_DISTROS_EXT4_RESIZE_H_
#define WSLM_DISTROS_EXT4_RESIZE_H_

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "distros/host/cancel.h"

namespace wslm {

// Where ResizeExt4 is, in this order.
enum class ResizeStep { kCopy, kResize, kCheck };

// All may be empty.
struct ResizeOptions {
  const CancelFlag* cancel = nullptr;
  // Called at the beginning of each step.
  std::function<void(ResizeStep)> step;
  // Within kCopy, in bytes of the image with its holes.
  std::function<void(int64_t done, int64_t total)> progress;
  // Asked when all is ready and only the new image's name is left to be given: an error keeps the old one.
  std::function<absl::Status()> commit;
};

// Makes the file system and its file `size` bytes large (rounded down to its blocks), larger (what is new is a hole) or
// smaller. Works on a copy beside it (a reflink where the host's file system can, else as large as the image's data),
// which takes the image's name when all is done: at any moment there is one whole image of that name. It is another
// file then: a lock on the old one says nothing about it, so take the lock anew. A crash may leave a file beside it:
// RemoveResizeLeftovers.
//
// Errors: INVALID_ARGUMENT when the content does not fit (metadata "minimum_bytes") or the size can't be;
// CORRUPT_SOURCE when the file system has errors (RepairExt4 first); CANCELLED, DISK_FULL, HOST_UNSUPPORTED, IO_ERROR.
// The image is as it was then.
absl::Status ResizeExt4(const std::string& image, int64_t size, const ResizeOptions& options);

// Removes what a crash left of ResizeExt4 beside `image`. Error: IO_ERROR.
absl::Status RemoveResizeLeftovers(const std::string& image);

// How many bytes the file system takes up, which may be fewer than the image has. Of one that is mounted: lately.
// Errors: CORRUPT_SOURCE, UNSUPPORTED_FORMAT, IO_ERROR.
absl::StatusOr<int64_t> Ext4Size(const std::string& image);

// About the least size in bytes that ResizeExt4 can give the image. Errors: CORRUPT_SOURCE, HOST_UNSUPPORTED, IO_ERROR.
absl::StatusOr<int64_t> MinimumExt4Size(const std::string& image);

// Gives the room of free blocks back to the host, by holes in the image; the files in it and its nominal size stay. Any
// crash leaves a whole image. Replays a dirty journal and checks the file system first, since its word decides what is
// thrown away. Returns by how many bytes the image became smaller on the host. `cancel` may be null. Errors:
// VERIFICATION_FAILED when it has errors (RepairExt4 first), UNSUPPORTED_FORMAT when the host's file system can't make
// holes, CORRUPT_SOURCE, CANCELLED, HOST_UNSUPPORTED, IO_ERROR.
absl::StatusOr<int64_t> TrimExt4(const std::string& image, const CancelFlag* cancel);

struct RepairReport {
  // Whether anything had to be changed.
  bool repaired = false;
  // What e2fsck said, at most 64 KiB; control bytes are escaped but for ends of lines.
  std::string report;
};

// Runs `e2fsck -fy` on the image itself, and then checks it. May be repeated after a crash or a cancel. Errors:
// VERIFICATION_FAILED when errors are left, UNSUPPORTED_FORMAT when there is no ext4 in it, CANCELLED,
// HOST_UNSUPPORTED, DISK_FULL, IO_ERROR (e2fsck could not do its work).
absl::StatusOr<RepairReport> RepairExt4(const std::string& image, const CancelFlag* cancel);

}  // namespace wslm

#endif  // WSLM_DISTROS_EXT4_RESIZE_H_
