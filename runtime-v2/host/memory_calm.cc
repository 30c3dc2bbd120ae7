#include "runtime-v2/host/memory_calm.h"

#include <sys/stat.h>

#include <cerrno>
#include <cstdlib>

#include "absl/time/clock.h"
#include "distros/host/status_macros.h"

namespace wslm {
namespace {

// The kernel reports free memory two seconds after it became free.
constexpr absl::Duration kCalm = absl::Seconds(4);
constexpr absl::Duration kPoll = absl::Milliseconds(100);
// Smaller changes are no unrest.
constexpr int64_t kUnrest = 1 << 20;

absl::StatusOr<int64_t> BytesIn(const UniqueFd& memory) {
  struct stat status {};
  if (::fstat(memory.get(), &status) != 0) return absl::ErrnoToStatus(errno, "cannot look at the VM's memory");
  return int64_t{status.st_blocks} * 512;
}

}  // namespace

absl::Status WaitUntilCalm(const Vm& vm, absl::Duration longest, const std::function<bool()>& give_up) {
  ASSIGN_OR_RETURN(const UniqueFd memory, vm.Memory());
  ASSIGN_OR_RETURN(int64_t bytes, BytesIn(memory));
  const absl::Time begin = absl::Now();
  for (absl::Time since = begin; absl::Now() - since < kCalm && absl::Now() - begin < longest;) {
    if (give_up && give_up()) return absl::CancelledError("The VM is needed.");
    absl::SleepFor(kPoll);
    ASSIGN_OR_RETURN(const int64_t now, BytesIn(memory));
    if (std::abs(now - bytes) < kUnrest) continue;
    bytes = now;
    since = absl::Now();
  }
  return absl::OkStatus();
}

}  // namespace wslm
