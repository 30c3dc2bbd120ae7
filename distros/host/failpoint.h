// Named steps at which a test has the program die or fail, to see that nothing is lost whatever happens where.
//
//   RETURN_IF_ERROR(Failpoint("publish.move"));
//
// WSLM_FAILPOINT=NAME[:N]=kill|hang|ENOSPC|EIO|EROFS: the N-th time (the first without N) that the step is reached, the
// process is killed, the thread stops for good, or the step fails with that error; from then on nothing.
// WSLM_FAILPOINT_LOG=FILE: each step reached is a line there. Only in builds with WSLM_FAILPOINTS; elsewhere a step
// costs nothing. Thread-safe.
#ifndef WSLM_DISTROS_HOST_FAILPOINT_H_
#define WSLM_DISTROS_HOST_FAILPOINT_H_

#include "absl/status/status.h"

namespace wslm {

#ifdef WSLM_FAILPOINTS
absl::Status Failpoint(const char* name);
#else
inline absl::Status Failpoint(const char*) { return absl::OkStatus(); }
#endif

}  // namespace wslm

#endif  // WSLM_DISTROS_HOST_FAILPOINT_H_
