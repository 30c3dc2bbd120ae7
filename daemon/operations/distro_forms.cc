#include "daemon/operations/distro_forms.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "distros/disk/disk_source.h"
#include "distros/ext4/ext4.h"
#include "distros/host/error.h"
#include "distros/host/image_lock.h"
#include "distros/host/invalid.h"
#include "distros/host/status_macros.h"
#include "distros/lxfs/lxfs.h"

namespace wslm::daemon {
namespace {

constexpr size_t kMaxLabel = 16;
constexpr int64_t kLeastDisk = int64_t{16} << 20;
constexpr int64_t kLargestDisk = int64_t{64} << 40;

bool IsRaw(const RegistryEntry& entry) {
  return entry.record.image_driver.empty() || entry.record.image_driver == "raw";
}

std::string ImageOf(const FormPlan& plan) { return absl::StrCat(plan.folder, "/", kImageFile); }

}  // namespace

absl::StatusOr<OpenedSource> OpenImage(const std::string& image, const CancelFlag* cancel) {
  OpenedSource opened;
  ASSIGN_OR_RETURN(opened.lock, LockImage(image));
  ASSIGN_OR_RETURN(opened.source, OpenExt4Source(image, DirtyJournal::kReplay, cancel));
  return opened;
}

absl::StatusOr<OpenedSource> OpenDistro(const RegistryEntry& entry, const CancelFlag* cancel) {
  RETURN_IF_ERROR(entry.CheckUsable());
  OpenedSource opened;
  if (entry.record.version == 2) {
    const std::string image = entry.image();
    if (IsRaw(entry)) return OpenImage(image, cancel);
    // It looks by itself whether the image is in use.
    ASSIGN_OR_RETURN(opened.source, OpenDiskSource(image, entry.folder, cancel));
    return opened;
  }
  ASSIGN_OR_RETURN(opened.source, OpenLxfsSource(entry.files_folder(), entry.record.second_owner));
  return opened;
}

absl::StatusOr<std::unique_ptr<Sink>> CreateForm(const FormPlan& plan, const CancelFlag* cancel) {
  if (plan.version == 1) return CreateLxfsSink(plan.folder, plan.second_owner);
  Ext4Options options;
  options.label = plan.name.substr(0, kMaxLabel);
  if (plan.disk_size > 0) options.size = plan.disk_size;
  options.cancel = cancel;
  return CreateExt4Sink(ImageOf(plan), options);
}

absl::StatusOr<OpenedSource> OpenForm(const FormPlan& plan, const CancelFlag* cancel) {
  if (plan.version == 2) {
    RETURN_IF_ERROR(CheckExt4(ImageOf(plan), cancel));
    return OpenImage(ImageOf(plan), cancel);
  }
  OpenedSource opened;
  ASSIGN_OR_RETURN(opened.source, OpenLxfsSource(plan.folder, plan.second_owner));
  return opened;
}

absl::Status CheckDiskSize(int version, int64_t disk_size) {
  if (disk_size == 0) return absl::OkStatus();
  const char* sentence = nullptr;
  if (disk_size < kLeastDisk || disk_size > kLargestDisk) sentence = "A disk's size must be between 16 MiB and 64 TiB.";
  if (version == 1) sentence = "A distro of version 1 has no disk whose size could be set; version 2 has.";
  if (sentence == nullptr) return absl::OkStatus();
  return Invalid("disk_size", sentence);
}

absl::Status CheckHasRawDisk(const RegistryEntry& entry, const char* done) {
  RETURN_IF_ERROR(entry.CheckUsable());
  const DistroRecord& record = entry.record;
  if (record.version != 2) {
    return Error(
        absl::StatusCode::kInvalidArgument, reason::kInvalidArgument,
        absl::StrCat("The distro '", record.name, "' is version ", record.version, " and has no disk that could ",
                     "be ", done, ": its files lie in a folder of the host's and take what they need. ",
                     "'wslm set-version ", record.name, " 2' gives it one."),
        {{"field", "distro"}, {"distro", record.name}});
  }
  if (IsRaw(entry)) return absl::OkStatus();
  return Error(absl::StatusCode::kFailedPrecondition, reason::kUnsupportedFormat,
               absl::StrCat("The distro's image ", Escaped(record.image_path), " is no raw one; only those can be ",
                            done, ". 'wslm clone' makes a distro with a raw one of it."),
               {{"path", record.image_path}});
}

}  // namespace wslm::daemon
