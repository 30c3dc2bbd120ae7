// Unpacks xz, zstd, bzip2 and lz4 through libarchive.
#ifndef WSLM_DISTROS_TAR_UNPACK_H_
#define WSLM_DISTROS_TAR_UNPACK_H_

#include <memory>
#include <string>

#include "distros/host/byte_stream.h"

namespace wslm {

// `name` is for messages. Error: CORRUPT_SOURCE when the stream is damaged or ends early.
std::unique_ptr<ByteSource> Unpack(std::unique_ptr<ByteSource> bytes, std::string name);

}  // namespace wslm

#endif  // WSLM_DISTROS_TAR_UNPACK_H_
