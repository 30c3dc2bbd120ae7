// The bytes of a compressed stream (gzip, xz, zstd, bzip2, lz4), unpacked by a thread of their own.
//
// The stream must be whole: one that ends early or is damaged is CORRUPT_SOURCE, at the place where that shows. Not
// thread-safe. Its destructor waits for the thread, which may be within a Read of `bytes`.
#ifndef WSLM_DISTROS_TAR_DECOMPRESSOR_H_
#define WSLM_DISTROS_TAR_DECOMPRESSOR_H_

#include <memory>
#include <string>

#include "distros/host/byte_stream.h"

namespace wslm {

// `name` is for messages.
std::unique_ptr<ByteSource> Decompressed(std::unique_ptr<ByteSource> bytes, std::string name);

}  // namespace wslm

#endif  // WSLM_DISTROS_TAR_DECOMPRESSOR_H_
