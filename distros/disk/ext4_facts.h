// What an ext4 file system's own files say about the distro in it, looked up by name: a few blocks of it are read.
#ifndef WSLM_DISTROS_DISK_EXT4_FACTS_H_
#define WSLM_DISTROS_DISK_EXT4_FACTS_H_

#include "absl/status/statusor.h"
#include "distros/disk/header_reader.h"
#include "distros/registry/image_facts.h"

namespace wslm::disk {

// `content` is the file system, from its first byte. What its journal holds is not looked at. Errors: CORRUPT_SOURCE,
// UNSUPPORTED_FORMAT (ext4 with features that libext2fs does not know); a file that can't be read has no facts.
absl::StatusOr<ImageFacts> ReadExt4Facts(const HeaderReader& content);

}  // namespace wslm::disk

#endif  // WSLM_DISTROS_DISK_EXT4_FACTS_H_
