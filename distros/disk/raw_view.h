// The content of any disk image as a raw file: the image itself where it is one, else a copy.
#ifndef WSLM_DISTROS_DISK_RAW_VIEW_H_
#define WSLM_DISTROS_DISK_RAW_VIEW_H_

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "distros/disk/disk_format.h"
#include "distros/disk/disk_layout.h"
#include "distros/host/cancel.h"
#include "distros/host/scratch_file.h"
#include "distros/host/unique_fd.h"

namespace wslm::disk {

// An image whose content can be read, at `ext4` of it. Movable.
struct RawView {
  DiskFacts facts;
  Ext4Place ext4;
  // The file that holds the content: `copy` when there is one, else the image.
  std::string path;
  UniqueFd image;
  std::optional<ScratchFile> copy;

  int fd() const { return copy ? copy->fd() : image.get(); }
};

// Errors: as OpenDiskSource.
absl::StatusOr<RawView> ViewAsRaw(const std::string& path, const std::string& scratch_folder, const CancelFlag* cancel);

// Makes the view's content a copy of the ext4 file system alone, which may be written.
absl::Status CopyFileSystem(RawView& view, const std::string& scratch_folder, const CancelFlag* cancel);

}  // namespace wslm::disk

#endif  // WSLM_DISTROS_DISK_RAW_VIEW_H_
