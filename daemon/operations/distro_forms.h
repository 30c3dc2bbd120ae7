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

// Opens `folder`'s image, and locks it.
absl::StatusOr<OpenedSource> OpenImage(const std::string& image);

// The form of `version` in `folder`, to be filled; `name` becomes the volume label.
absl::StatusOr<std::unique_ptr<Sink>> CreateForm(int version, const std::string& folder, SecondOwner second_owner,
                                                 const std::string& name);

}  // namespace wslm::daemon

#endif  // WSLM_DAEMON_OPERATIONS_DISTRO_FORMS_H_
