// Reads the content of a VHD that grows or a VHDX where it lies, by the image's own table of blocks: what little is
// wanted of a large image needs no copy of all of it.
#ifndef WSLM_DISTROS_DISK_CONTENT_READER_H_
#define WSLM_DISTROS_DISK_CONTENT_READER_H_

#include <memory>

#include "absl/status/statusor.h"
#include "distros/disk/disk_format.h"
#include "distros/disk/header_reader.h"

namespace wslm::disk {

// A reader of the content, as a guest sees it, of the image open as `fd`, which outlives it; of raw images and
// fixed VHDs, too. `facts` are InspectDisk's, of an image that is not unclean. Thread-safe.
// Errors: UNSUPPORTED_FORMAT for qcow2, CORRUPT_SOURCE, IO_ERROR.
absl::StatusOr<std::unique_ptr<HeaderReader>> OpenContent(int fd, const std::string& path, const DiskFacts& facts);

}  // namespace wslm::disk

#endif  // WSLM_DISTROS_DISK_CONTENT_READER_H_
