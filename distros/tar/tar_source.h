// Reads a distro from a tar archive of any dialect, compressed or not, through libarchive.
//
// The format is found by content. Refused with what it is and what to do: what is no archive (UNSUPPORTED_FORMAT), zip,
// squashfs, disk images. An archive that ends early, also one that is not compressed, is CORRUPT_SOURCE.
// Names are bytes whatever the process's locale is. A source of a compressed archive unpacks in a thread of its own,
// for which its destructor waits: it may be within a Read of `bytes`.
#ifndef WSLM_DISTROS_TAR_TAR_SOURCE_H_
#define WSLM_DISTROS_TAR_TAR_SOURCE_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "distros/host/byte_stream.h"
#include "distros/tree/source.h"

namespace wslm {

// `name` is for messages ("/tmp/x.tar", "standard input").
absl::StatusOr<std::unique_ptr<Source>> OpenTarSource(std::unique_ptr<ByteSource> bytes, std::string name);

}  // namespace wslm

#endif  // WSLM_DISTROS_TAR_TAR_SOURCE_H_
