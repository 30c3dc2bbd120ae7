#include "distros/disk/disk_source.h"

#include <utility>

#include "distros/disk/raw_view.h"
#include "distros/ext4/ext4.h"
#include "distros/host/error.h"
#include "distros/host/status_macros.h"

namespace wslm {

absl::StatusOr<std::unique_ptr<Source>> OpenDiskSource(const std::string& path, const std::string& scratch_folder,
                                                       const CancelFlag* cancel) {
  ASSIGN_OR_RETURN(disk::RawView view, disk::ViewAsRaw(path, scratch_folder, cancel));
  const bool is_image_itself = !view.copy;
  if (view.ext4.in_partition || (is_image_itself && view.ext4.needs_replay)) {
    RETURN_IF_ERROR(disk::CopyFileSystem(view, scratch_folder, cancel));
  }
  const DirtyJournal journal = view.copy ? DirtyJournal::kReplay : DirtyJournal::kRefuse;
  absl::StatusOr<std::unique_ptr<Source>> source = OpenExt4Source(view.path, journal, cancel);
  if (!source.ok() && view.copy) return WithContext(source.status(), Escaped(path));
  // A copy loses its name here, and lives as long as the source has it open.
  return source;
}

}  // namespace wslm
