// Tells a container image from an ordinary archive of a root file system, by content and cheaply. Thread-safe.
#ifndef WSLM_DISTROS_OCI_CONTAINER_IMAGE_H_
#define WSLM_DISTROS_OCI_CONTAINER_IMAGE_H_

#include <string>
#include <string_view>

namespace wslm {

// Whether `path` is a folder with a container image, or an archive that begins like one, compressed or not. False also
// for what can't be read: whoever imports it finds out why.
bool LooksLikeContainerImage(const std::string& path);

// The same of an archive's first bytes; 1 MiB of them is enough. At most 4 MiB are unpacked.
bool BeginsLikeContainerImage(std::string_view head);

}  // namespace wslm

#endif  // WSLM_DISTROS_OCI_CONTAINER_IMAGE_H_
