#include "daemon/operations/distro_forms.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "distros/disk/disk_source.h"
#include "distros/ext4/ext4.h"
#include "distros/host/error.h"
#include "distros/host/image_lock.h"
#include "distros/host/status_macros.h"
#include "distros/lxfs/lxfs.h"

namespace wslm::daemon {
namespace {

constexpr size_t kMaxLabel = 16;

}  // namespace

absl::StatusOr<OpenedSource> OpenImage(const std::string& image) {
  OpenedSource opened;
  ASSIGN_OR_RETURN(opened.lock, LockImage(image));
  ASSIGN_OR_RETURN(opened.source, OpenExt4Source(image));
  return opened;
}

absl::StatusOr<OpenedSource> OpenDistro(const RegistryEntry& entry, const CancelFlag* cancel) {
  RETURN_IF_ERROR(entry.CheckUsable());
  OpenedSource opened;
  if (entry.record.version == 2) {
    const std::string image = entry.image();
    const bool raw = entry.record.image_driver.empty() || entry.record.image_driver == "raw";
    if (raw) return OpenImage(image);
    // It looks by itself whether the image is in use.
    ASSIGN_OR_RETURN(opened.source, OpenDiskSource(image, entry.folder, cancel));
    return opened;
  }
  ASSIGN_OR_RETURN(opened.source, OpenLxfsSource(entry.files_folder(), entry.record.second_owner));
  return opened;
}

absl::StatusOr<std::unique_ptr<Sink>> CreateForm(int version, const std::string& folder, SecondOwner second_owner,
                                                 const std::string& name) {
  if (version == 1) return CreateLxfsSink(folder, second_owner);
  Ext4Options options;
  options.label = name.substr(0, kMaxLabel);
  return CreateExt4Sink(absl::StrCat(folder, "/", kImageFile), options);
}

}  // namespace wslm::daemon
