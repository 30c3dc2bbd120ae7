// Reads a source in a thread of its own, up to 2 MiB ahead: what it costs to make the bytes and what is done with them
// go on side by side.
#ifndef WSLM_DISTROS_TAR_READ_AHEAD_H_
#define WSLM_DISTROS_TAR_READ_AHEAD_H_

#include <memory>

#include "distros/host/byte_stream.h"

namespace wslm {

// Its destructor waits for the thread, which may be within a Read of `bytes`.
std::unique_ptr<ByteSource> ReadAhead(std::unique_ptr<ByteSource> bytes);

}  // namespace wslm

#endif  // WSLM_DISTROS_TAR_READ_AHEAD_H_
