// The two forms in which a registered distro's files lie, opened by the record: lxfs for v1, an ext4 image for v2.
#ifndef WSLM_DAEMON_OPERATIONS_DISTRO_FORMS_H_
#define WSLM_DAEMON_OPERATIONS_DISTRO_FORMS_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "distros/host/unique_fd.h"
#include "distros/registry/registry.h"
#include "distros/tree/sink.h"
#include "distros/tree/source.h"
#include "distros/tree/transfer.h"

namespace wslm::daemon {

// The files of a v2 and of a v1 distro in its files folder.
inline constexpr char kImageFile[] = "disk.img";
inline constexpr char kRootFolder[] = "rootfs";
inline constexpr char kSideStoreFiles[][16] = {"metadata.db", "metadata.db-wal", "metadata.db-shm"};

struct OpenedSource {
  // Of an image, held as long as it is read.
  UniqueFd lock;
  std::unique_ptr<Source> source;
};

// For a distro that does not run. An image in place that is not raw is copied to the distro's folder first; `cancel`
// counts meanwhile. Errors: DISTRO_BROKEN, DISTRO_RUNNING, CANCELLED, those of the formats.
absl::StatusOr<OpenedSource> OpenDistro(const RegistryEntry& entry, const CancelFlag* cancel);

// Opens a raw image, and locks it. `cancel` ends a replay of its journal.
absl::StatusOr<OpenedSource> OpenImage(const std::string& image, const CancelFlag* cancel);

// A form that is to be made.
struct FormPlan {
  int version = 1;
  // Exists, and does not hold such a form.
  std::string folder;
  SecondOwner second_owner;
  // The distro's, which becomes the volume label.
  std::string name;
  // Of version 2, in bytes; 0: the default.
  int64_t disk_size = 0;
};

// The form, to be filled. `cancel` counts while it is made.
absl::StatusOr<std::unique_ptr<Sink>> CreateForm(const FormPlan& plan, const CancelFlag* cancel);

// Opens a form that was filled, to be read back: an image is checked as a file system, too. Errors:
// VERIFICATION_FAILED, those of the formats.
absl::StatusOr<OpenedSource> OpenForm(const FormPlan& plan, const CancelFlag* cancel);

// Whether a disk of `disk_size` bytes can be asked for in a distro of `version`; 0 always can. Error: INVALID_ARGUMENT.
absl::Status CheckDiskSize(int version, int64_t disk_size);

// Whether the distro has a raw image of its own or in place. `done` is what is to be done with it, "resized". Errors:
// DISTRO_BROKEN, INVALID_ARGUMENT (version 1), UNSUPPORTED_FORMAT (no raw image).
absl::Status CheckHasRawDisk(const RegistryEntry& entry, const char* done);

}  // namespace wslm::daemon

#endif  // WSLM_DAEMON_OPERATIONS_DISTRO_FORMS_H_
