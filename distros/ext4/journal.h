// What must be done to an image before its content can be believed.
#ifndef WSLM_DISTROS_EXT4_JOURNAL_H_
#define WSLM_DISTROS_EXT4_JOURNAL_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "distros/ext4/ext4.h"
#include "distros/ext4/filesystem.h"
#include "distros/host/cancel.h"

namespace wslm::ext4 {

// Opens `image` for reading, after its journal was dealt with. Errors: CORRUPT_SOURCE, UNSUPPORTED_FORMAT,
// HOST_UNSUPPORTED, DISK_FULL, CANCELLED (`cancel` may be null), IO_ERROR.
absl::StatusOr<Filesystem> OpenWithJournal(const std::string& image, DirtyJournal journal, const CancelFlag* cancel);

}  // namespace wslm::ext4

#endif  // WSLM_DISTROS_EXT4_JOURNAL_H_
