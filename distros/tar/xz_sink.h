// Compresses with xz in several threads, and can be left in the middle.
//
// libarchive's own filter can't: to free it is to finish it, with all that its threads were given. At the 24 MiB that
// each of them takes at a time that is up to a minute's work.
#ifndef WSLM_DISTROS_TAR_XZ_SINK_H_
#define WSLM_DISTROS_TAR_XZ_SINK_H_

#include <memory>

#include "absl/status/statusor.h"
#include "distros/host/byte_stream.h"
#include "distros/host/cancel.h"

namespace wslm {

// Writes to `bytes` what comes, compressed as by xz -6, which takes about 150 MiB for each of `threads`. Its destructor
// ends the threads where they are, within milliseconds. Write and Finish, which waits for what is left, fail with
// CANCELLED within about 0.1 s of `cancel`, which may be null and else outlives it.
absl::StatusOr<std::unique_ptr<ByteSink>> OpenXzSink(std::unique_ptr<ByteSink> bytes, int threads,
                                                     const CancelFlag* cancel);

}  // namespace wslm

#endif  // WSLM_DISTROS_TAR_XZ_SINK_H_
