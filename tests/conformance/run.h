// How the program runs its tests: what main.cc and conformance.cc share.
#ifndef WSLM_TESTS_CONFORMANCE_RUN_H_
#define WSLM_TESTS_CONFORMANCE_RUN_H_

#include <sys/types.h>

#include <vector>

namespace wslm::conformance {

// From now on this process and its children report to `fd`.
void ReportTo(int fd);
// Gives the process these ids, real, effective and saved. Ends it when that fails.
void Become(uid_t uid, gid_t gid, const std::vector<gid_t>& groups);

}  // namespace wslm::conformance

#endif  // WSLM_TESTS_CONFORMANCE_RUN_H_
