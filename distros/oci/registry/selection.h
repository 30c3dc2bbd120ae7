// Which of the images in an index is meant.
#ifndef WSLM_DISTROS_OCI_REGISTRY_SELECTION_H_
#define WSLM_DISTROS_OCI_REGISTRY_SELECTION_H_

#include <string>

#include "absl/status/statusor.h"
#include "distros/oci/manifest.h"
#include "distros/oci/platform.h"

namespace wslm::oci::registry {

// The entry that serves `platform` best. Error: FILE_NOT_FOUND, naming what there is. Thread-safe.
absl::StatusOr<Descriptor> ChooseForPlatform(const Manifest& index, const Platform& platform, const std::string& name);

}  // namespace wslm::oci::registry

#endif  // WSLM_DISTROS_OCI_REGISTRY_SELECTION_H_
