// ext4 images, the form of a v2 distro: made and read in user space through libext2fs, without mounts or rights.
#ifndef WSLM_DISTROS_EXT4_EXT4_H_
#define WSLM_DISTROS_EXT4_EXT4_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "distros/host/cancel.h"
#include "distros/tree/sink.h"
#include "distros/tree/source.h"

namespace wslm {

struct Ext4Options {
  // Nominal size in bytes of the file system, rounded down to its blocks; the file is sparse.
  int64_t size = int64_t{256} << 30;
  // Volume label, at most 16 bytes.
  std::string label;
  // Ends mke2fs early; may be null.
  const CancelFlag* cancel = nullptr;
};

// Makes `image` (which must not exist, mode 0600) with an empty file system, then fills it. After Commit `e2fsck -fn`
// is clean. Features: has_journal, extent, 64bit, metadata_csum, dir_index, sparse, inode size 256.
absl::StatusOr<std::unique_ptr<Sink>> CreateExt4Sink(const std::string& image, const Ext4Options& options);

// What is done about a journal that holds changes which are not in their place yet, since nobody unmounted the image.
enum class DirtyJournal {
  // They are put there first, in the image itself: the caller holds its lock.
  kReplay,
  // CORRUPT_SOURCE: nothing is written into the image.
  kRefuse,
  // What is in place is read, old or torn as it may be: for facts, not for content.
  kIgnore,
};

// Reads an image. Leaves out /lost+found when it is empty and root's 0700. Errors: CORRUPT_SOURCE, UNSUPPORTED_FORMAT,
// IO_ERROR. A replay is ended early when `cancel`, which may be null, is set: CANCELLED, and the journal stays as it
// is.
absl::StatusOr<std::unique_ptr<Source>> OpenExt4Source(const std::string& image,
                                                       DirtyJournal journal = DirtyJournal::kReplay,
                                                       const CancelFlag* cancel = nullptr);

// Runs `e2fsck -fn`, which is killed when `cancel` (it may be null) is set: OK when clean. Errors: VERIFICATION_FAILED
// with its first words, CANCELLED, HOST_UNSUPPORTED, IO_ERROR.
absl::Status CheckExt4(const std::string& image, const CancelFlag* cancel = nullptr);

}  // namespace wslm

#endif  // WSLM_DISTROS_EXT4_EXT4_H_
